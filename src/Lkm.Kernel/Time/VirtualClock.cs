using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Time;

/// <summary>
/// Time that depends on nothing outside: an instruction takes a nanosecond, and an idle kernel skips to its next event. Two runs of
/// the same module see the same clock.
/// </summary>
public sealed class VirtualClock(Cpu cpu) : ISnapshotState
{
    /// <summary>Timer interrupts a second of a busy processor: CONFIG_HZ of Debian's kernels.</summary>
    public const int Hz = 250;

    /// <summary>What <see cref="UntilEvent"/> says when nothing is to happen: some centuries, in nanoseconds.</summary>
    public const long Never = long.MaxValue / 2;

    private long _idle;
    private long _event = Never;
    private long _period;

    /// <summary>Nanoseconds since the machine was started.</summary>
    public long Nanoseconds => cpu.Instructions + _idle;

    /// <summary>Whether the timer interrupt is due.</summary>
    public bool IsEventDue => Nanoseconds >= _event;

    /// <summary>Nanoseconds until the timer interrupt is due; never negative.</summary>
    public long UntilEvent => _event == Never ? Never : Math.Max(0, _event - Nanoseconds);

    /// <summary>Sets when the timer interrupt is due.</summary>
    /// <param name="nanoseconds">From now on.</param>
    /// <param name="period">Nanoseconds after which it is due again; 0 for once.</param>
    public void SetEvent(long nanoseconds, long period = 0) => (_event, _period) = (Nanoseconds + nanoseconds, period);

    /// <summary>No timer interrupt is due any more.</summary>
    public void CancelEvent() => (_event, _period) = (Never, 0);

    /// <summary>The timer interrupt is taken.</summary>
    public void TakeEvent() => _event = _period == 0 ? Never : _event + _period;

    /// <summary>Lets time pass, with no instruction executed: an idle processor's, or a delay loop's.</summary>
    public void Advance(long nanoseconds) => _idle += nanoseconds;

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Nanoseconds);
        writer.Write(_event);
        writer.Write(_period);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        _idle = reader.ReadInt64() - cpu.Instructions;
        _event = reader.ReadInt64();
        _period = reader.ReadInt64();
    }
}
