namespace Lkm.Kernel.Locking;

/// <summary>What protects: how the lock's memory is laid out, and who may have it at once.</summary>
internal enum LockKind
{
    /// <summary>spinlock_t, raw_spinlock_t.</summary>
    Spin,

    /// <summary>rwlock_t, for reading.</summary>
    Read,

    /// <summary>rwlock_t, for writing.</summary>
    Write,

    /// <summary>struct mutex.</summary>
    Mutex,

    /// <summary>struct rw_semaphore, for reading.</summary>
    SharedSemaphore,

    /// <summary>struct rw_semaphore, for writing.</summary>
    ExclusiveSemaphore,

    /// <summary>struct work_struct: who runs it has it.</summary>
    Work,

    /// <summary>struct workqueue_struct: so have all who run its works.</summary>
    Queue,
}

/// <summary>What a function does with a lock.</summary>
internal enum LockOperation
{
    /// <summary>Waits until it has the lock, or, some of them, a signal comes.</summary>
    Take,

    /// <summary>Takes it if nobody has it.</summary>
    Try,

    /// <summary>Gives it back.</summary>
    Release,

    /// <summary>Waits until nobody has it, and does not take it.</summary>
    Await,
}

/// <summary>What is kept away while the lock is held.</summary>
internal enum Excluded
{
    /// <summary>Other tasks.</summary>
    Nothing,

    /// <summary>Soft interrupts too.</summary>
    SoftInterrupts,

    /// <summary>Interrupts too.</summary>
    Interrupts,
}

/// <summary>A function of the kernel that takes or gives back the lock that its first argument points to.</summary>
internal readonly record struct LockFunction(LockKind Kind, LockOperation Operation, Excluded Excluded = Excluded.Nothing)
{
    /// <summary>Whether readers share the lock.</summary>
    internal bool IsShared => Kind is LockKind.Read or LockKind.SharedSemaphore || (Kind == LockKind.Queue && Operation != LockOperation.Await);

    /// <summary>Whether it is something that runs, and not a lock.</summary>
    internal bool Runs => Kind is LockKind.Work or LockKind.Queue;

    /// <summary>Whether who waits for the lock goes round; others sleep.</summary>
    internal bool Spins => Kind is LockKind.Spin or LockKind.Read or LockKind.Write;

    /// <summary>
    /// All of them by name: include/linux/spinlock_api_smp.h, rwlock_api_smp.h, mutex.h, rwsem.h, workqueue.h. Semaphores (down()) are not here: whoever likes gives them back.
    /// </summary>
    internal static IEnumerable<(string Name, LockFunction Function)> All()
    {
        foreach (var (name, kind) in ((string, LockKind)[])[("spin", LockKind.Spin), ("read", LockKind.Read), ("write", LockKind.Write)])
        {
            yield return ($"_raw_{name}_lock", new(kind, LockOperation.Take));
            yield return ($"_raw_{name}_lock_bh", new(kind, LockOperation.Take, Excluded.SoftInterrupts));
            yield return ($"_raw_{name}_lock_irq", new(kind, LockOperation.Take, Excluded.Interrupts));
            yield return ($"_raw_{name}_lock_irqsave", new(kind, LockOperation.Take, Excluded.Interrupts));
            yield return ($"_raw_{name}_trylock", new(kind, LockOperation.Try));
            yield return ($"_raw_{name}_trylock_bh", new(kind, LockOperation.Try, Excluded.SoftInterrupts));
            foreach (var how in (string[])["", "_bh", "_irq", "_irqrestore"])
                yield return ($"_raw_{name}_unlock{how}", new(kind, LockOperation.Release));
        }

        foreach (var how in (string[])["", "_interruptible", "_killable", "_io"])
            yield return ("mutex_lock" + how, new(LockKind.Mutex, LockOperation.Take));
        yield return ("mutex_trylock", new(LockKind.Mutex, LockOperation.Try));
        yield return ("mutex_unlock", new(LockKind.Mutex, LockOperation.Release));
        foreach (var (name, kind) in ((string, LockKind)[])[("read", LockKind.SharedSemaphore), ("write", LockKind.ExclusiveSemaphore)])
        {
            foreach (var how in (string[])["", "_interruptible", "_killable"])
                yield return ($"down_{name}{how}", new(kind, LockOperation.Take));
            yield return ($"down_{name}_trylock", new(kind, LockOperation.Try));
            yield return ($"up_{name}", new(kind, LockOperation.Release));
        }

        foreach (var name in (string[])["flush_work", "flush_delayed_work", "cancel_work_sync", "cancel_delayed_work_sync", "disable_work_sync", "disable_delayed_work_sync"])
            yield return (name, new(LockKind.Work, LockOperation.Await));
        foreach (var name in (string[])["flush_workqueue", "__flush_workqueue", "drain_workqueue", "destroy_workqueue"])
            yield return (name, new(LockKind.Queue, LockOperation.Await));
    }
}
