using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Time;

/// <summary>
/// Time that depends on nothing outside: an instruction takes a nanosecond, and an idle kernel skips to its next tick. Two runs of
/// the same module see the same clock.
/// </summary>
public sealed class VirtualClock(Cpu cpu) : ISnapshotState
{
    /// <summary>Timer interrupts a second: CONFIG_HZ of Debian's kernels.</summary>
    public const int Hz = 250;

    /// <summary>Nanoseconds between timer interrupts.</summary>
    public const long TickPeriod = 1_000_000_000 / Hz;

    private long _idle;
    private long _nextTick = TickPeriod;

    /// <summary>Nanoseconds since the machine was started.</summary>
    public long Nanoseconds => cpu.Instructions + _idle;

    /// <summary>Whether a timer interrupt is due.</summary>
    public bool TickDue => Nanoseconds >= _nextTick;

    /// <summary>Instructions until the next timer interrupt is due; never negative.</summary>
    public long UntilTick => Math.Max(0, _nextTick - Nanoseconds);

    /// <summary>Sets the next timer interrupt a period on.</summary>
    public void TakeTick() => _nextTick += TickPeriod;

    /// <summary>Lets time pass, with no instruction executed: an idle processor's, or a delay loop's.</summary>
    public void Advance(long nanoseconds) => _idle += nanoseconds;

    /// <summary>Lets time pass until the next timer interrupt is due.</summary>
    public void AdvanceToTick() => _idle += UntilTick;

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Nanoseconds);
        writer.Write(_nextTick);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        _idle = reader.ReadInt64() - cpu.Instructions;
        _nextTick = reader.ReadInt64();
    }
}
