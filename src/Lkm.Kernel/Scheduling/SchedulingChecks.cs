using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>What a task that gives the processor away may be doing wrong.</summary>
internal enum SchedulingFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It holds a spinlock, has disabled preemption, or is in an interrupt.</summary>
    Atomic,

    /// <summary>It reads what RCU protects, and gives the processor away of its own will.</summary>
    ReadingRcu,

    /// <summary>It is the idle task, and would sleep.</summary>
    Idle,
}

/// <summary>
/// What __schedule() looks at first: schedule_debug() (kernel/sched/core.c) and rcu_note_context_switch() (kernel/rcu/tree_plugin.h). What is wrong is
/// said by the image's own functions, called as __schedule() calls them, so that the log has Linux's very lines.
/// </summary>
internal sealed class SchedulingChecks
{
    private const ulong InterruptFlag = 1 << 9;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly CallChain _chain;
    private readonly KernelImage _image;
    private readonly ulong _idle;
    private readonly ulong? _readLockNesting, _readerBlocked;
    private readonly uint _preemptionDisabled;
    private readonly ulong _runQueueLock;

    /// <summary>Finds what is looked at.</summary>
    /// <param name="cpu">The processor.</param>
    /// <param name="memory">Its memory.</param>
    /// <param name="image">The kernel.</param>
    /// <param name="perCpu">Its per-CPU area.</param>
    /// <param name="tasks">The members of a task.</param>
    /// <param name="chain">Calls in the name of __schedule().</param>
    /// <param name="preemptionDisabled">preempt_count() in __schedule(), of a task that holds nothing.</param>
    public SchedulingChecks(Cpu cpu, GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks, CallChain chain, uint preemptionDisabled)
    {
        _cpu = cpu;
        _memory = memory;
        _image = image;
        _perCpu = perCpu;
        _chain = chain;
        _idle = image.Symbol("init_task");
        _readLockNesting = tasks.Layout.Find("rcu_read_lock_nesting");
        _readerBlocked = tasks.Layout.Find("rcu_read_unlock_special.b.blocked");
        _preemptionDisabled = preemptionDisabled;
        var runQueue = image.Struct("rq");
        _runQueueLock = runQueue.Find("__lock") ?? runQueue["lock"];
    }

    /// <summary>preempt_count(), without the inverted bit that asks for rescheduling.</summary>
    public uint Count => _perCpu.PreemptCount & ~PreemptCount.NoReschedule;

    /// <summary>Finds out whether the running task may give the processor away.</summary>
    /// <param name="task">The task.</param>
    /// <param name="mode">__schedule()'s argument.</param>
    /// <param name="sleeps">Whether its state is one of sleep.</param>
    public SchedulingFault FindFault(ulong task, uint mode, bool sleeps)
    {
        const uint ofItsOwnWill = 0; // SM_NONE
        if (task == _idle) // it may lend its stack to an interrupt, which must not sleep
            return (Count & PreemptCount.InterruptMask) != 0 ? SchedulingFault.Atomic : mode == ofItsOwnWill && sleeps ? SchedulingFault.Idle : SchedulingFault.None;
        if (Count != _preemptionDisabled)
            return SchedulingFault.Atomic;
        return mode == ofItsOwnWill && _readLockNesting is { } nesting && _memory.ReadInt32(task + nesting) > 0 ? SchedulingFault.ReadingRcu : SchedulingFault.None;
    }

    /// <summary>Says that a task is atomic, and makes it not so: __schedule_bug().</summary>
    public async GuestTask ReportAtomic(ulong task)
    {
        await Call("__schedule_bug", task);
        _perCpu.PreemptCount = (_perCpu.PreemptCount & PreemptCount.NoReschedule) | _preemptionDisabled;
    }

    /// <summary>
    /// Says that the idle task, on whose stack an interrupt sleeps, gives the processor away: dequeue_task_idle(), which holds the run queue's lock and
    /// lets it go meanwhile.
    /// </summary>
    public async GuestTask ReportIdle(ulong runQueue)
    {
        var (flags, count) = (_cpu.Rflags, _perCpu.PreemptCount);
        _perCpu.PreemptCount = count + _preemptionDisabled;
        _cpu.Rflags &= ~InterruptFlag;
        await _chain.Call([_chain.Sites.Find("__schedule", "__schedule_bug")], _image.Symbol("dequeue_task_idle"), runQueue, _idle);
        _memory.WriteUInt32(runQueue + _runQueueLock, 0);
        (_cpu.Rflags, _perCpu.PreemptCount) = (flags, count);
    }

    /// <summary>
    /// rcu_note_context_switch() warns, and then puts the reader on a list, for grace periods to wait for it. Those are C#'s, so it is told that
    /// the reader is on one.
    /// </summary>
    public async GuestTask ReportReader(ulong task)
    {
        if (_readerBlocked is not { } blocked)
            return;
        const ulong notPreempted = 0;
        var flags = _cpu.Rflags;
        _memory.WriteByte(task + blocked, 1);
        _cpu.Rflags &= ~InterruptFlag;
        await Call("rcu_note_context_switch", notPreempted);
        _cpu.Rflags = flags;
        _memory.WriteByte(task + blocked, 0);
    }

    /// <summary>Calls the function that the idle task's class does not have, with interrupts off, as try_to_wake_up() does.</summary>
    public GuestCall CallNothing()
    {
        const ulong nothing = 0;
        _cpu.Rflags &= ~InterruptFlag;
        return _chain.Call([_chain.Sites.Find("try_to_wake_up", "ttwu_do_activate"), _chain.Sites.Find("ttwu_do_activate", "ttwu_do_wakeup")], nothing);
    }

    private GuestCall Call(string function, ulong argument) =>
        _chain.Call([_chain.Sites.Find("__schedule", function)], _image.Symbol(function), argument);
}
