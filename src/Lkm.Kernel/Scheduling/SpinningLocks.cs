using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Time;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Who waits for a spinlock that is taken (kernel/locking/qspinlock.c, qrwlock.c) waits for ever: with one processor, whoever has it cannot run until the one who waits gives
/// the processor away. Linux finds this with CONFIG_DEBUG_SPINLOCK or lockdep; without, its watchdogs tell after some 20 seconds that the processor is stuck. It is told at once here.
/// Nothing but time passes meanwhile, so the clock goes on to the next interrupt without the rounds of the loop: Linux's own messages come as they would.
/// </summary>
public sealed partial class SpinningLocks
{
    private const ulong InterruptFlag = 1 << 9;
    private const uint Taken = uint.MaxValue, WriterHasIt = 0xff;
    private const int ErrorLevel = 3;

    /// <summary>Virtual nanoseconds after which the kernel is taken for dead: Linux's watchdog has spoken twice by then.</summary>
    private const long Limit = 60_000_000_000;

    private readonly UserModeKernel _kernel;
    private (ulong Task, ulong Lock) _waiting;
    private long _since;

    internal SpinningLocks(UserModeKernel kernel) => _kernel = kernel;

    /// <summary>Told of each lock that somebody waits for.</summary>
    internal Action<KernelWarning>? Found { get; set; }

    [KernelFunction("native_queued_spin_lock_slowpath")]
    private void SpinLockSlowpath(ulong address, CallFrame frame) => Wait(address, Taken, frame);

    [KernelFunction("queued_write_lock_slowpath")]
    private void WriteLockSlowpath(ulong address, CallFrame frame) => Wait(address, Taken, frame);

    [KernelFunction("queued_read_lock_slowpath")]
    private void ReadLockSlowpath(ulong address, CallFrame frame) => Wait(address, WriterHasIt, frame);

    private void Wait(ulong address, uint isTaken, CallFrame frame)
    {
        if (!GuestMemory.Contains(address, sizeof(uint)) || (_kernel.Memory.ReadUInt32(address) & isTaken) == 0)
        {
            frame.Decline();
            return;
        }

        var now = _kernel.Clock.Nanoseconds;
        if (_waiting != (_kernel.PerCpu.Current, address))
        {
            (_waiting, _since) = ((_kernel.PerCpu.Current, address), now);
            Tell(address);
        }

        if (_kernel.IsLeftToItsUser)
        {
            frame.Decline(); // it goes round until somebody ends it
            return;
        }

        if ((_kernel.Cpu.Rflags & InterruptFlag) == 0)
            throw _kernel.Stopped($"waits with interrupts off for {Name(address)}, which nobody can release");
        if (now - _since > Limit)
            throw _kernel.Stopped($"waits for {Name(address)}, which nobody can release");
        _kernel.PassTimeToInterrupt();
        frame.Abandon();
    }

    private void Tell(ulong address)
    {
        var task = _kernel.PerCpu.Current;
        var text = $"{_kernel.Tasks.Comm(task)}[{_kernel.Tasks.Pid(task)}] waits for {Name(address)}, which is taken already (0x{_kernel.Memory.ReadUInt32(address):x}): "
            + "a deadlock, for with one processor nobody can release it";
        _kernel.Log.Write(ErrorLevel, $"lkm: {text}");
        foreach (var line in _kernel.Faults.DumpStack())
            _kernel.Log.Write(ErrorLevel, line);
        Found?.Invoke(new KernelWarning("spin_lock", text, _kernel.Tasks.Pid(task), []));
    }

    private string Name(ulong address) => $"the lock {_kernel.Symbolise(address)}";
}
