using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Locking;

/// <summary>Reads locks: include/asm-generic/qspinlock_types.h, qrwlock_types.h, kernel/locking/mutex.c, rwsem.c.</summary>
internal sealed class LockState(GuestMemory memory, KernelImage image)
{
    private const ulong OwnerFlags = 7;
    private const uint SpinTaken = 0xff, Writer = 0xff, WriterOrWaiting = 0x1ff;
    private const int ReaderShift = 9, SemaphoreReaderShift = 8;
    private const ulong SemaphoreWriter = 1;

    private readonly ulong? _mutexOwner = image.Struct("mutex").Find("owner");
    private readonly ulong _semaphoreCount = image.Struct("rw_semaphore").Find("count") ?? 0, _semaphoreOwner = image.Struct("rw_semaphore").Find("owner") ?? 0;

    /// <summary>Whether locks that one sleeps for are what is known here: with PREEMPT_RT they are RT-mutexes.</summary>
    internal bool KnowsSleeping => _mutexOwner is not null;

    /// <summary>Whether a lock is held, by this task where the lock tells.</summary>
    internal bool IsHeld(ulong address, LockKind kind, ulong task) => GuestMemory.Contains(address, 3 * sizeof(ulong)) && kind switch
    {
        LockKind.Spin => (memory.ReadUInt32(address) & SpinTaken) != 0,
        LockKind.Write => (memory.ReadUInt32(address) & Writer) != 0,
        LockKind.Read => memory.ReadUInt32(address) >> ReaderShift != 0,
        LockKind.Mutex => (memory.ReadUInt64(address + _mutexOwner!.Value) & ~OwnerFlags) == task,
        LockKind.Work or LockKind.Queue => false, // its worker knows
        LockKind.ExclusiveSemaphore => (memory.ReadUInt64(address + _semaphoreCount) & SemaphoreWriter) != 0
            && (memory.ReadUInt64(address + _semaphoreOwner) & ~OwnerFlags) == task,
        _ => memory.ReadUInt64(address + _semaphoreCount) >> SemaphoreReaderShift != 0,
    };

    /// <summary>Whether a task may give a lock back. One that many read tells not who they are, and a semaphore may be handed on.</summary>
    internal bool CanBeGivenBack(ulong address, LockKind kind, ulong task) => !GuestMemory.Contains(address, 3 * sizeof(ulong))
        || (kind == LockKind.ExclusiveSemaphore ? (memory.ReadUInt64(address + _semaphoreCount) & SemaphoreWriter) != 0 : IsHeld(address, kind, task));

    /// <summary>
    /// Whether an attempt to take a spinning lock is going to succeed: on one processor nothing happens in between. What sleeps has an owner, who tells afterwards.
    /// </summary>
    internal bool CanBeTaken(ulong address, LockKind kind) => !GuestMemory.Contains(address, sizeof(uint)) || kind switch
    {
        LockKind.Spin or LockKind.Write => memory.ReadUInt32(address) == 0,
        LockKind.Read => (memory.ReadUInt32(address) & WriterOrWaiting) == 0,
        _ => true,
    };
}
