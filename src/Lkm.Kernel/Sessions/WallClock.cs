using System.Diagnostics;
using Lkm.Kernel.Time;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// Lets a resident kernel's virtual time follow the wall clock while it is idle: the next event comes when its time has come. While the kernel computes, its
/// time passes with its instructions; what it lost against the wall clock it does not make up for, or its timers would all fire at once.
/// A delay loop takes no time of the host's, and is waited for when the kernel is idle; but not what one that never ends has gone ahead by.
/// </summary>
internal sealed class WallClock(VirtualClock clock)
{
    /// <summary>Nanoseconds that the kernel may make up for: ticks that came late because the host did other things.</summary>
    private const long LongestGap = 100_000_000;

    /// <summary>Nanoseconds that the kernel may be ahead by, and wait for.</summary>
    private const long LongestLead = 10_000_000_000;

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private long _start = clock.Nanoseconds;

    /// <summary>Nanoseconds until the next event is due; zero or less when it is.</summary>
    public long UntilEvent
    {
        get
        {
            var behind = Behind;
            var ahead = clock.UntilEvent - behind;
            if (ahead >= -LongestGap && behind >= -LongestLead)
                return ahead;
            _start = clock.Nanoseconds - Elapsed;
            return clock.UntilEvent;
        }
    }

    /// <summary>Lets the time pass that has passed outside since the kernel came to rest; an event that is due ends the rest.</summary>
    public void CatchUp()
    {
        if (Behind is > 0 and var nanoseconds)
            clock.Advance(Math.Min(nanoseconds, clock.UntilEvent));
    }

    private long Behind => _start + Elapsed - clock.Nanoseconds;

    private long Elapsed => _watch.Elapsed.Ticks * TimeSpan.NanosecondsPerTick;
}
