using Lkm.Kernel.Boot;
using Lkm.Kernel.Devices;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Rcu;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Time;

/// <summary>
/// The timer interrupt. All that it does is borrowed, from sysvec_apic_timer_interrupt() on: high-resolution timers, jiffies, wall time, soft
/// interrupts. C# makes it come, and does in it what the scheduler and RCU do.
/// </summary>
public sealed partial class TimerInterrupt
{
    private const ulong InterruptFlag = 1 << 9;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly VirtualClock _clock;
    private readonly LocalApic _apic;
    private readonly ExceptionEntry _entry;
    private readonly Scheduler _scheduler;
    private readonly RcuCallbacks _rcu;
    private readonly ulong _softirqPending;
    private readonly ulong _rcuAction;
    private readonly ushort _rcuSoftirq;
    private bool _isGracePeriodOver;

    /// <summary>Finds what the interrupt needs.</summary>
    public TimerInterrupt(
        Cpu cpu, GuestMemory memory, KernelImage image, PerCpuArea perCpu, VirtualClock clock, LocalApic apic, ExceptionEntry entry, Scheduler scheduler, RcuCallbacks rcu)
    {
        _cpu = cpu;
        _memory = memory;
        _clock = clock;
        _apic = apic;
        _entry = entry;
        _scheduler = scheduler;
        _rcu = rcu;
        _softirqPending = perCpu.SoftirqPending;
        var number = (int)(image.Enumerator("RCU_SOFTIRQ") ?? throw new KernelMismatchException("this kernel has no RCU_SOFTIRQ"));
        _rcuSoftirq = (ushort)(1 << number);
        _rcuAction = image.Symbol("softirq_vec") + ((ulong)number * sizeof(ulong));
    }

    /// <summary>
    /// Takes the interrupt if it is due and the processor accepts one: between two instructions of whatever runs, which finds
    /// every register as it was.
    /// </summary>
    public void Poll()
    {
        if (_clock.IsEventDue && (_cpu.Rflags & InterruptFlag) != 0)
            _ = Take();
    }

    /// <summary>Lets a delay loop's time pass. Interrupts that are due meanwhile come in their time, and what they take is part of the delay.</summary>
    public async GuestTask Delay(long nanoseconds)
    {
        var end = _clock.Nanoseconds + nanoseconds;
        while (end - _clock.Nanoseconds is > 0 and var left)
        {
            if (_clock.UntilEvent > left || (_cpu.Rflags & InterruptFlag) == 0)
            {
                _clock.Advance(left);
                return;
            }

            _clock.Advance(_clock.UntilEvent);
            await Take();
        }
    }

    private async GuestTask Take()
    {
        _clock.TakeEvent();
        _apic.Begin(LocalApic.TimerVector);
        await _entry.DeliverTimer();
        if (!_isGracePeriodOver)
            return;
        _isGracePeriodOver = false;
        var (rax, rflags) = (_cpu.Rax, _cpu.Rflags); // what a guest call does not give back
        await _rcu.RunCallbacks();
        (_cpu.Rax, _cpu.Rflags) = (rax, rflags);
    }

    /// <summary>Called in the timer interrupt: others get their turn.</summary>
    [KernelFunction("scheduler_tick")]
    [KernelFunction("sched_tick", Since = "6.10")]
    private void SchedulerTick() => _scheduler.Tick();

    /// <summary>
    /// Called in the timer interrupt: when it came upon no reader, a grace period is over, and the callbacks run in a soft interrupt; behind the
    /// interrupt where RCU has none (CONFIG_PREEMPT_RT).
    /// </summary>
    [KernelFunction("rcu_sched_clock_irq")]
    private void RcuSchedClockInterrupt(int user)
    {
        _ = user;
        if (!_rcu.Any || !_rcu.HasInterruptedNoReader)
            return;
        if (_memory.ReadUInt64(_rcuAction) == 0)
            _isGracePeriodOver = true;
        else
            _memory.WriteUInt16(_softirqPending, (ushort)(_memory.ReadUInt16(_softirqPending) | _rcuSoftirq));
    }
}
