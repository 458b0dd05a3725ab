namespace Lkm.Kernel.Locking;

/// <summary>Where a spinning lock was taken, as far as interrupts matter: the first places of each kind.</summary>
internal sealed class LockUsage(ulong place)
{
    private readonly Places _interrupts = new(), _softInterrupts = new();

    /// <summary>What the lock lies in.</summary>
    internal ulong Object { get; } = place;

    /// <summary>Learns one more place. In an interrupt, only who waits counts; outside, an attempt that succeeds is as good as any other.</summary>
    /// <param name="taken">The lock and the place.</param>
    /// <param name="interruptsOn">Whether the processor takes interrupts where the function is called.</param>
    /// <param name="softInterruptsOn">Whether soft interrupts may come there.</param>
    /// <param name="held">What the task has already.</param>
    /// <returns>Whether there is something new.</returns>
    internal bool Add(HeldLock taken, bool interruptsOn, bool softInterruptsOn, IReadOnlyList<HeldLock> held)
    {
        var waits = taken.Function.Operation == LockOperation.Take;
        var isNew = taken.Context == LockContext.Interrupt && waits && _interrupts.AddInside(taken);
        if (taken.Context != LockContext.Interrupt && interruptsOn && taken.Function.Excluded != Excluded.Interrupts)
            isNew |= _interrupts.AddOutside(taken, held);
        if (taken.Context == LockContext.SoftInterrupt && waits)
            isNew |= _softInterrupts.AddInside(taken);
        if (taken.Context == LockContext.Task && interruptsOn && softInterruptsOn && taken.Function.Excluded == Excluded.Nothing)
            isNew |= _softInterrupts.AddOutside(taken, held);
        return isNew;
    }

    /// <summary>A place in an interrupt, and one where that interrupt may come; null if there is none.</summary>
    internal (HeldLock Inside, HeldLock Outside)? Conflict => _interrupts.Conflict ?? _softInterrupts.Conflict;

    /// <summary>Where an interrupt waits for the lock; null too if the lock is a conflict by itself.</summary>
    internal HeldLock? Inside(LockContext interrupt) => Of(interrupt) is { Conflict: null } places ? places.Inside : null;

    /// <summary>Where the lock is taken and such an interrupt may come, and what else was held whenever that was so; null too if the lock is a conflict by itself.</summary>
    internal (HeldLock Lock, IReadOnlyList<ulong> AlsoHeld)? Outside(LockContext interrupt) =>
        Of(interrupt) is { Conflict: null, Outside: { } outside } places ? (outside, places.AlsoHeld) : null;

    private Places Of(LockContext interrupt) => interrupt == LockContext.Interrupt ? _interrupts : _softInterrupts;

    /// <summary>Places in one kind of interrupts, and where these may come.</summary>
    private sealed class Places
    {
        internal HeldLock? Inside { get; private set; }

        internal HeldLock? Outside { get; private set; }

        internal ulong[] AlsoHeld { get; private set; } = [];

        internal (HeldLock, HeldLock)? Conflict =>
            Inside is { } a && Outside is { } b && !(a.Function.IsShared && b.Function.IsShared) ? (a, b) : null;

        internal bool AddInside(HeldLock taken)
        {
            if (!TellsMore(taken, Inside))
                return false;
            Inside = taken;
            return true;
        }

        internal bool AddOutside(HeldLock taken, IReadOnlyList<HeldLock> held)
        {
            var isFirst = TellsMore(taken, Outside);
            if (!isFirst && Array.TrueForAll(AlsoHeld, gate => held.Any(one => one.Address == gate && !one.Function.IsShared)))
                return false;
            AlsoHeld = isFirst
                ? [.. held.Where(one => !one.Function.IsShared).Select(one => one.Address)]
                : [.. AlsoHeld.Where(gate => held.Any(one => one.Address == gate && !one.Function.IsShared))];
            Outside = taken;
            return true;
        }

        // Readers do not wait for each other: one that writes tells more.
        private static bool TellsMore(HeldLock taken, HeldLock? kept) => kept is not { } before || (before.Function.IsShared && !taken.Function.IsShared);
    }
}
