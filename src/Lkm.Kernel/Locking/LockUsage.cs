namespace Lkm.Kernel.Locking;

/// <summary>Where a spinning lock was taken, as far as interrupts matter: the first places of each kind.</summary>
internal sealed class LockUsage(ulong place)
{
    private HeldLock? _inInterrupt, _inSoftInterrupt, _withInterruptsOn, _withSoftInterruptsOn;

    /// <summary>What the lock lies in.</summary>
    internal ulong Object { get; } = place;

    /// <summary>Learns one more place. In an interrupt, only who waits counts; outside, an attempt that succeeds is as good as any other.</summary>
    /// <param name="taken">The lock and the place.</param>
    /// <param name="interruptsOn">Whether the processor takes interrupts where the function is called.</param>
    /// <param name="softInterruptsOn">Whether soft interrupts may come there.</param>
    internal void Add(HeldLock taken, bool interruptsOn, bool softInterruptsOn)
    {
        var waits = taken.Function.Operation == LockOperation.Take;
        if (taken.Context == LockContext.Interrupt && waits)
            Keep(ref _inInterrupt, taken);
        if (taken.Context != LockContext.Interrupt && interruptsOn && taken.Function.Excluded != Excluded.Interrupts)
            Keep(ref _withInterruptsOn, taken);
        if (taken.Context == LockContext.SoftInterrupt && waits)
            Keep(ref _inSoftInterrupt, taken);
        if (taken.Context == LockContext.Task && interruptsOn && softInterruptsOn && taken.Function.Excluded == Excluded.Nothing)
            Keep(ref _withSoftInterruptsOn, taken);
    }

    /// <summary>A place in an interrupt, and one where that interrupt may come; null if there is none.</summary>
    internal (HeldLock Inside, HeldLock Outside)? Conflict => Pair(_inInterrupt, _withInterruptsOn) ?? Pair(_inSoftInterrupt, _withSoftInterruptsOn);

    private static (HeldLock, HeldLock)? Pair(HeldLock? inside, HeldLock? outside) =>
        inside is { } a && outside is { } b && !(a.Function.IsShared && b.Function.IsShared) ? (a, b) : null;

    private static void Keep(ref HeldLock? kept, HeldLock taken)
    {
        // Readers do not wait for each other: one that writes tells more.
        if (kept is null || (kept.Value.Function.IsShared && !taken.Function.IsShared))
            kept = taken;
    }
}
