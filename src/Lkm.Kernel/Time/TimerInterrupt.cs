using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Rcu;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Time;

/// <summary>
/// The timer interrupt: jiffies, wall time, timers and soft interrupts are borrowed (tick_periodic() and update_process_times()); what
/// C# adds is that it comes at all, and what the scheduler and RCU do in it.
/// </summary>
public sealed partial class TimerInterrupt
{
    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly GuestCalls _calls;
    private readonly VirtualClock _clock;
    private readonly Scheduler _scheduler;
    private readonly RcuCallbacks _rcu;
    private readonly ulong _doTimer, _updateWallTime, _updateProcessTimes, _doSoftirq, _softirqPending;
    private bool _started;

    /// <summary>Finds the functions that the interrupt calls.</summary>
    public TimerInterrupt(
        Cpu cpu, GuestMemory memory, KernelImage image, PerCpuArea perCpu, GuestCalls calls, VirtualClock clock, Scheduler scheduler,
        RcuCallbacks rcu)
    {
        _cpu = cpu;
        _memory = memory;
        _perCpu = perCpu;
        _calls = calls;
        _clock = clock;
        _scheduler = scheduler;
        _rcu = rcu;
        _doTimer = image.Symbol("do_timer");
        _updateWallTime = image.Symbol("update_wall_time");
        _updateProcessTimes = image.Symbol("update_process_times");
        _doSoftirq = image.Symbol("__do_softirq");
        _softirqPending = perCpu.SoftirqPending;
    }

    /// <summary>Whether soft interrupts wait to be run.</summary>
    public bool SoftirqPending => _memory.ReadUInt16(_softirqPending) != 0;

    /// <summary>Interrupts are of use once timekeeping is initialised.</summary>
    public void Start() => _started = true;

    /// <summary>
    /// Takes the interrupt if it is due and the processor accepts one: between two instructions of whatever runs, which finds
    /// every register as it was.
    /// </summary>
    public void Poll()
    {
        const ulong interruptFlag = 1 << 9;
        if (!_clock.TickDue || !_started || (_cpu.Rflags & interruptFlag) == 0 || (_perCpu.PreemptCount & PreemptCount.HardirqMask) != 0)
            return;
        _clock.TakeTick();
        _ = Interrupt();
    }

    /// <summary>One timer interrupt, then the soft interrupts that it leaves pending.</summary>
    public async GuestTask Interrupt()
    {
        // A guest call gives all registers back but RAX and the flags, which a function may change.
        var (rax, rflags) = (_cpu.Rax, _cpu.Rflags);
        const ulong interruptFlag = 1 << 9;
        _cpu.Rflags &= ~interruptFlag;
        var quiescent = _rcu.IsQuiescent;
        _perCpu.PreemptCount += PreemptCount.HardirqOffset;
        await _calls.Call(_doTimer, 1);
        await _calls.Call(_updateWallTime);
        await _calls.Call(_updateProcessTimes, 0);
        _perCpu.PreemptCount -= PreemptCount.HardirqOffset;
        if (quiescent)
            await _rcu.RunCallbacks();
        await RunSoftirqs();
        (_cpu.Rax, _cpu.Rflags) = (rax, rflags);
    }

    /// <summary>Runs pending soft interrupts, unless one is running or they are disabled (in_interrupt()).</summary>
    public async GuestTask RunSoftirqs()
    {
        if (SoftirqPending && (_perCpu.PreemptCount & PreemptCount.InterruptMask) == 0)
            await _calls.Call(_doSoftirq);
    }

    /// <summary>Called in the timer interrupt: others get their turn.</summary>
    [KernelFunction("scheduler_tick")]
    [KernelFunction("sched_tick", Since = "6.10")]
    private void SchedulerTick()
    {
        if (_scheduler.AnyRunnable)
            _scheduler.SetNeedReschedule();
    }

    /// <summary>Called in the timer interrupt; callbacks are run by <see cref="Interrupt"/> itself.</summary>
    [KernelFunction("rcu_sched_clock_irq")]
    private void RcuSchedClockInterrupt(int user) => _ = user;
}
