namespace Lkm.Kernel.Locking;

/// <summary>In what a lock is taken.</summary>
internal enum LockContext
{
    /// <summary>A task.</summary>
    Task,

    /// <summary>A soft interrupt: a timer, a tasklet, the network.</summary>
    SoftInterrupt,

    /// <summary>An interrupt.</summary>
    Interrupt,
}

/// <summary>A lock that somebody has, or waits for.</summary>
/// <param name="Address">The lock.</param>
/// <param name="Function">What took it.</param>
/// <param name="Site">The instruction of a module that called that.</param>
/// <param name="Context">In what.</param>
/// <param name="Place">The instruction for people: a module's names are gone with its init functions.</param>
internal readonly record struct HeldLock(ulong Address, LockFunction Function, ulong Site, LockContext Context, string Place);
