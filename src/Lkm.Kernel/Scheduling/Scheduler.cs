using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Snapshots;
using Lkm.Kernel.Time;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// The scheduler: one processor, one queue (<see cref="FairQueue"/>). It replaces __schedule() and try_to_wake_up() only; all that
/// leads there (schedule(), wait queues, mutexes, workqueues, kthreads, fork and exit) is borrowed. A switch swaps stacks as
/// __switch_to_asm does, with the same frame (struct inactive_task_frame), so that tasks which the image's fork prepared start as usual.
/// </summary>
public sealed partial class Scheduler : ISnapshotState
{
    private const ulong InterruptFlag = 1 << 9;
    private const uint KernelThread = 0x0020_0000; // PF_KTHREAD

    /// <summary>
    /// What __schedule() takes, in nanoseconds, and what it takes besides to make a task that sleeps leave the queue (deactivate_task()). It reads the clock
    /// first, so this counts for the task that it chooses: of two that were woken together and go on by turns, the first has always had more. Whoever
    /// waits by asking for others again and again sees time pass.
    /// </summary>
    private const long Passing = 500, TakingOut = 300;

    private const string StackPadding = "TOP_OF_KERNEL_STACK_PADDING";

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly TaskStruct _tasks;
    private readonly GuestCalls _calls;
    private readonly VirtualClock _clock;
    private readonly FairQueue _queue;
    private readonly SchedulingChecks _checks;
    private readonly Tracepoint _switchEvent, _wakingEvent, _wakeupEvent, _newTaskEvent;
    private readonly ulong _idle, _runQueue, _runQueueCurrent, _runQueuePreviousMm, _runQueueSwitches, _fairCurrent, _retFromFork, _loadedMm, _threadSize;
    private readonly uint _preemptionDisabled;
    private readonly KernelImage _image;
    private readonly ulong _fpuOwner, _taskFpu;
    private ulong? _stackPadding;
    private readonly ulong _leaveScheduler, _leaveControlGroup;
    private readonly ulong _mmPgd, _mmCount, _mmDrop, _putTaskStack, _putTaskStruct;

    /// <summary>Creates the scheduler; init_task is the idle task, as on Linux.</summary>
    internal Scheduler(Cpu cpu, GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks, CallChain chain, GuestCalls calls, VirtualClock clock)
    {
        _clock = clock;
        _queue = image.FindStruct("sched_entity")?.Find("deadline") is not null && image.TrySymbol("sysctl_sched_base_slice", out var share)
            ? new EarliestDeadlineQueue(tasks, clock, () => memory.ReadUInt32(share))
            : new LeastRuntimeQueue(tasks, clock);
        _cpu = cpu;
        _image = image;
        _stackPadding = (ulong?)image.Enumerator(StackPadding);
        _fpuOwner = perCpu.Of(image.Symbol("fpu_fpregs_owner_ctx"));
        _taskFpu = tasks.Layout.Find("thread.fpu.last_cpu") ?? tasks.Layout.Size;
        _memory = memory;
        _perCpu = perCpu;
        _tasks = tasks;
        _calls = calls;
        _idle = image.Symbol("init_task");
        var runQueue = _runQueue = perCpu.Of(image.Symbol("runqueues"));
        var rq = image.Struct("rq");
        _runQueueCurrent = runQueue + rq["curr"];
        _runQueuePreviousMm = runQueue + rq["prev_mm"];
        _runQueueSwitches = runQueue + rq["nr_switches"];
        _fairCurrent = runQueue + rq["cfs.curr"];
        _retFromFork = image.TrySymbol("ret_from_fork_asm", out var asm) ? asm : image.Symbol("ret_from_fork");
        _loadedMm = perCpu.Of(image.Symbol("cpu_tlbstate")) + image.Struct("tlb_state")["loaded_mm"];
        _threadSize = image.ThreadSize;
        var mm = image.Struct("mm_struct");
        // PREEMPT_DISABLE_OFFSET: without preemption (CONFIG_PREEMPT_COUNT) a kernel does not count what disables it.
        _preemptionDisabled = image.TrySymbol("preempt_schedule", out _) ? PreemptCount.Disabled : 0;
        _switchEvent = new Tracepoint(memory, image, calls, "sched_switch");
        _wakingEvent = new Tracepoint(memory, image, calls, "sched_waking");
        _wakeupEvent = new Tracepoint(memory, image, calls, "sched_wakeup");
        _newTaskEvent = new Tracepoint(memory, image, calls, "sched_wakeup_new");
        _checks = new SchedulingChecks(cpu, memory, image, perCpu, tasks, chain, _preemptionDisabled);
        _mmPgd = mm["pgd"];
        _mmCount = mm["mm_count"];
        _mmDrop = image.Symbol("__mmdrop");
        // Since 6.19 a dead task leaves these lists here, not in do_exit() or when it is freed; in this order.
        _leaveScheduler = image.SymbolOrZero("sched_ext_dead");
        _leaveControlGroup = image.SymbolOrZero("cgroup_task_dead");
        _putTaskStack = image.Symbol("put_task_stack");
        _putTaskStruct = image.Symbol("put_task_struct_rcu_user");
    }

    /// <summary>The running task.</summary>
    public ulong Current => _perCpu.Current;

    /// <summary>How often the processor has passed from a task to another.</summary>
    public ulong Switches => _memory.ReadUInt64(_runQueueSwitches);

    /// <summary>Whether the running task is asked to give the processor away.</summary>
    public bool NeedsReschedule => (_tasks.ThreadFlags(Current) & (_tasks.Bits.NeedReschedule | _tasks.Bits.NeedRescheduleLazy)) != 0;

    /// <summary>Whether a task other than the running one waits for the processor.</summary>
    public bool AnyRunnable => _queue.Waiting.Count > 0;

    /// <summary>The tasks that wait for the processor, in turn.</summary>
    public IEnumerable<ulong> Queue => _queue.Waiting;

    /// <summary>How often a task has offered the processor to others; what stays the same while one holds on to it.</summary>
    public long Passes { get; private set; }

    /// <summary>Told of a task that leaves the processor for the last time: a zombie, or about to be freed.</summary>
    internal event Action<ulong>? Died;

    /// <summary>
    /// Told that an interrupt sleeps on the idle task's stack while nobody else can run: Linux turns round and round, with interrupts on, until one of them
    /// wakes it.
    /// </summary>
    internal event Action? IdleSleeps;

    /// <summary>Told of a task that gives the processor away with interrupts off.</summary>
    internal Action<uint>? MightSchedule { get; set; }

    /// <summary>Told of each task that has ended, when it gives the processor away for the last time.</summary>
    internal Action<ulong>? TaskEnded { get; set; }

    /// <summary>Told of a task that gives the processor away though its preempt_count, which is given, forbids it.</summary>
    internal event Action<uint>? ScheduledWhileAtomic;

    /// <summary>Lets the running task be replaced at its next chance.</summary>
    public void SetNeedReschedule()
    {
        var task = Current;
        _tasks.SetThreadFlags(task, _tasks.ThreadFlags(task) | _tasks.Bits.NeedReschedule);
        _perCpu.PreemptCount &= ~PreemptCount.NoReschedule;
    }

    /// <summary>The timer's tick: lets the running task be replaced when others wait and it has had its share.</summary>
    public void Tick()
    {
        if (Current == _idle ? AnyRunnable : _queue.Tick(Current))
            SetNeedReschedule();
    }

    /// <summary>Makes a task runnable, whatever it waits for.</summary>
    public void Wake(ulong task)
    {
        _tasks.SetState(task, TaskState.Running);
        if (task == Current || task == _idle)
            return;
        var hadShare = CountCurrent();
        _queue.Wake(task);
        if (Current == _idle || (!NeedsReschedule && (hadShare || _queue.Preempts(task, Current))))
            SetNeedReschedule();
    }

    /// <summary>Gives the running task, which has none, an address space of its own, and makes a user task of it: what begin_new_exec() does.</summary>
    /// <param name="task">The running task.</param>
    /// <param name="mm">The new mm_struct, whose reference passes to the task.</param>
    internal async GuestTask EnterAddressSpace(ulong task, ulong mm)
    {
        const uint forkedNotExecuted = 0x40, notFrozen = 0x8000, fixedProcessors = 0x0400_0000; // PF_FORKNOEXEC, PF_NOFREEZE, PF_NO_SETAFFINITY
        _tasks.SetFlags(task, _tasks.Flags(task) & ~(forkedNotExecuted | notFrozen | fixedProcessors | KernelThread));
        OwnFpu(task);
        var borrowed = _tasks.ActiveMm(task);
        _tasks.SetMm(task, mm);
        _tasks.SetActiveMm(task, mm);
        LoadAddressSpace(mm);
        if (borrowed != 0)
            await Drop(borrowed);
    }

    /// <summary>mmdrop(): the last one to have a process's address space loaded frees what is left of it.</summary>
    private async GuestTask Drop(ulong mm)
    {
        var users = _memory.ReadInt32(mm + _mmCount) - 1;
        _memory.WriteInt32(mm + _mmCount, users);
        if (users == 0)
            await _calls.Call(_mmDrop, mm);
    }

    /// <summary>Makes a sleeping task start at a hooked address when it next runs, with an empty stack.</summary>
    internal void PrepareStart(ulong task, ulong entry)
    {
        const ulong frame = 7 * sizeof(ulong);
        var sp = _tasks.Stack(task) + _threadSize - Exceptions.PtRegs.Size - frame - 16;
        _memory.Clear(sp, frame + 16);
        _memory.WriteUInt64(sp + frame - sizeof(ulong), entry);
        _tasks.SetStackPointer(task, sp);
    }

    /// <summary>What a task does first that <see cref="PrepareStart"/> made start: schedule() would have enabled preemption again.</summary>
    internal void FinishStart() => _perCpu.PreemptCount &= PreemptCount.NoReschedule;

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_queue.Least);
        writer.Write(_queue.Waiting.Count);
        foreach (var task in _queue.Waiting)
            writer.Write(task);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        var least = reader.ReadInt64();
        var waiting = new ulong[reader.ReadInt32()];
        for (var i = 0; i < waiting.Length; i++)
            waiting[i] = reader.ReadUInt64();
        _queue.Restore(least, waiting);
    }

    [KernelFunction("__schedule")]
    private GuestTask Schedule(uint mode, CallFrame frame)
    {
        Passes++;
        if (FindFault(mode) is var fault and not SchedulingFault.None)
            return ScheduleDespite(fault, mode, frame);
        const uint ofItsOwnWill = 0; // SM_NONE
        if (mode == ofItsOwnWill && (_cpu.Rflags & InterruptFlag) == 0)
            MightSchedule?.Invoke(_preemptionDisabled);
        return PassOn(mode, frame);
    }

    private async GuestTask ScheduleDespite(SchedulingFault fault, uint mode, CallFrame frame)
    {
        if (fault == SchedulingFault.Atomic)
        {
            ScheduledWhileAtomic?.Invoke(_checks.Count);
            await _checks.ReportAtomic(Current);
            fault = FindFault(mode);
        }

        if (fault == SchedulingFault.ReadingRcu)
            await _checks.ReportReader(Current);
        if (fault == SchedulingFault.Idle)
        {
            await _checks.ReportIdle(_runQueue);
            if (!AnyRunnable)
                IdleSleeps?.Invoke();
        }

        await PassOn(mode, frame);
    }

    private SchedulingFault FindFault(uint mode) => _checks.FindFault(Current, mode, sleeps: _tasks.State(Current) != TaskState.Running);

    /// <summary>Chooses who runs next, and switches to it.</summary>
    private GuestTask PassOn(uint mode, CallFrame frame)
    {
        var previous = Current;
        var preempt = (mode & TaskState.ScheduleModePreempt) != 0;
        var state = _tasks.State(previous);
        if (!preempt && state != TaskState.Running && _tasks.SignalPendingState(previous, state))
            _tasks.SetState(previous, state = TaskState.Running);
        ClearNeedReschedule(previous);
        CountCurrent();
        var sleeps = !preempt && state != TaskState.Running;
        if (previous != _idle && !sleeps)
            _queue.Requeue(previous);
        if (state == TaskState.Dead)
        {
            _queue.Forget(previous);
            Died?.Invoke(previous);
        }

        var next = _queue.Take() is var first and not 0 ? first : _idle;
        _queue.Begin();
        _clock.Advance(sleeps ? Passing + TakingOut : Passing);
        if (next == previous)
        {
            _cpu.Rflags |= InterruptFlag;
            return GuestTask.Completed;
        }

        _tasks.CountSwitch(previous, voluntary: sleeps);
        if (_switchEvent.IsEnabled)
            return TraceAndSwitch(preempt, previous, next, state, frame);
        LeaveFor(previous, next, frame);
        return GuestTask.Completed;
    }

    /// <summary>The event comes while the previous task still runs, with interrupts off (under the run queue's lock).</summary>
    private async GuestTask TraceAndSwitch(bool preempt, ulong previous, ulong next, uint state, CallFrame frame)
    {
        _cpu.Rflags &= ~InterruptFlag;
        await _switchEvent.Call(preempt ? 1UL : 0, previous, next, state);
        LeaveFor(previous, next, frame);
    }

    private void LeaveFor(ulong previous, ulong next, CallFrame frame)
    {
        frame.Abandon();
        Save(previous, frame.StackPointer);
        Switch(previous, next);
    }

    /// <summary>yield(), which calls schedule() next.</summary>
    [KernelFunction("yield_task_fair")]
    private void Yield()
    {
        CountCurrent();
        _queue.Yield(Current);
    }

    [KernelFunction("try_to_wake_up")]
    private GuestTask<bool> TryToWakeUp(ulong task, uint state, int wakeFlags)
    {
        _ = wakeFlags;
        if ((_tasks.State(task) & state) == 0)
            return GuestTask<bool>.FromResult(false);
        if (task == _idle && Current != _idle)
            return WakeIdle();
        if (_wakingEvent.IsEnabled || _wakeupEvent.IsEnabled)
            return TraceAndWake(task);
        Wake(task);
        return GuestTask<bool>.FromResult(true);
    }

    /// <summary>Wakes the idle task, which an interrupt has slept on: its class has no enqueue_task(), so Linux calls NULL, and who wakes it oopses.</summary>
    private async GuestTask<bool> WakeIdle()
    {
        await _checks.CallNothing();
        return true;
    }

    private async GuestTask<bool> TraceAndWake(ulong task)
    {
        if (_wakingEvent.IsEnabled)
            await _wakingEvent.Call(task);
        Wake(task);
        if (_wakeupEvent.IsEnabled)
            await _wakeupEvent.Call(task);
        return true;
    }

    [KernelFunction("wake_up_new_task")]
    private GuestTask WakeUpNewTask(ulong task)
    {
        _tasks.SetState(task, TaskState.Running);
        var hadShare = CountCurrent();
        _queue.Start(task, Current);
        if (Current == _idle || (!NeedsReschedule && (hadShare || _queue.Preempts(task, Current))))
            SetNeedReschedule();
        return _newTaskEvent.IsEnabled ? _newTaskEvent.Call(task) : GuestTask.Completed;
    }

    private bool CountCurrent()
    {
        if (Current != _idle)
            return _queue.Count(Current);
        _queue.Begin();
        return false;
    }

    /// <summary>Waits until a task has left the processor, which it has whenever another task is asking.</summary>
    [KernelFunction("wait_task_inactive")]
    private ulong WaitTaskInactive(ulong task, uint matchState)
    {
        if (matchState != 0 && (_tasks.State(task) & matchState) == 0)
            return 0;
        const ulong neverZero = 1UL << 63;
        return neverZero | 1;
    }

    private void ClearNeedReschedule(ulong task)
    {
        _tasks.SetThreadFlags(task, _tasks.ThreadFlags(task) & ~(_tasks.Bits.NeedReschedule | _tasks.Bits.NeedRescheduleLazy));
        _perCpu.PreemptCount |= PreemptCount.NoReschedule;
    }
}
