using System.Diagnostics;
using Lkm.Kernel.Time;

namespace Lkm.Kernel.Sessions;

/// <summary>
/// Lets a resident kernel's virtual time follow the wall clock: an idle kernel's next tick comes when its time has come. A kernel that
/// computes falls behind, or ahead, by what its instructions take; it catches up when it is idle, tick by tick.
/// </summary>
internal sealed class WallClock(VirtualClock clock)
{
    /// <summary>A machine that was suspended for longer than this, in nanoseconds, goes on where it was, as Linux's monotonic clock does.</summary>
    private const long LongestGap = 60L * 1_000_000_000;

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private long _start = clock.Nanoseconds;

    /// <summary>Nanoseconds until the next tick is due; zero or less when it is.</summary>
    public long UntilTick
    {
        get
        {
            var ahead = clock.Nanoseconds + clock.UntilTick - (_start + Elapsed);
            if (ahead >= -LongestGap)
                return ahead;
            _start = clock.Nanoseconds - Elapsed;
            return clock.UntilTick;
        }
    }

    private long Elapsed => _watch.Elapsed.Ticks * TimeSpan.NanosecondsPerTick;
}
