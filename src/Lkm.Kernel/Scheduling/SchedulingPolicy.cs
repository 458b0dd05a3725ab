using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Policies that kernel code chooses for tasks (kernel/sched/core.c, __sched_setscheduler()): kept in task_struct, by whose priority
/// <see cref="FairQueue"/> orders tasks. The class stays the fair one: the real-time class's own queue is not used here.
/// </summary>
public sealed partial class SchedulingPolicy
{
    private const int Normal = 0, Fifo = 1, RoundRobin = 2, Batch = 3, Idle = 5, ResetOnFork = 0x40000000; // SCHED_*
    private const int RealTimePriorities = 100, DefaultPriority = 120; // MAX_RT_PRIO, DEFAULT_PRIO
    private const int MiddlePriority = RealTimePriorities / 2;

    private readonly GuestMemory _memory;
    private readonly Scheduler _scheduler;
    private readonly ulong _policy, _rtPriority, _priority, _normalPriority, _staticPriority, _donor;

    internal SchedulingPolicy(GuestMemory memory, Scheduler scheduler, TaskStruct tasks)
    {
        _memory = memory;
        _scheduler = scheduler;
        _policy = tasks.Layout["policy"];
        _rtPriority = tasks.Layout["rt_priority"];
        _priority = tasks.Layout["prio"];
        _normalPriority = tasks.Layout["normal_prio"];
        _staticPriority = tasks.Layout["static_prio"];
        _donor = tasks.Layout["pi_top_task"];
    }

    [KernelFunction("sched_setscheduler")]
    [KernelFunction("sched_setscheduler_nocheck")]
    private int SetScheduler(ulong task, int policy, ulong param)
    {
        var priority = _memory.ReadInt32(param);
        policy &= ~ResetOnFork;
        var isValid = policy switch
        {
            Fifo or RoundRobin => priority is > 0 and < RealTimePriorities,
            Normal or Batch or Idle => priority == 0,
            _ => false,
        };
        if (!isValid)
            return -(int)Errno.EINVAL;
        Set(task, policy, priority);
        return 0;
    }

    [KernelFunction("sched_set_fifo")]
    private void SetFifo(ulong task) => Set(task, Fifo, MiddlePriority);

    [KernelFunction("sched_set_fifo_low")]
    private void SetFifoLow(ulong task) => Set(task, Fifo, 1);

    /// <summary>The task that stops the processor, migration/0, looks like one of the highest real-time priority to programs; its class is not used here.</summary>
    [KernelFunction("sched_set_stop_task")]
    private void SetStopTask(int cpu, ulong stop)
    {
        _ = cpu;
        if (stop != 0)
            Set(stop, Fifo, RealTimePriorities - 1);
    }

    [KernelFunction("sched_set_normal")]
    private void SetNormal(ulong task, int nice)
    {
        _memory.WriteInt32(task + _staticPriority, DefaultPriority + nice);
        Set(task, Normal, 0);
    }

    /// <summary>
    /// The owner of a real-time mutex, which a spin lock is where PREEMPT_RT is on, has the priority of the first who waits for it. The image's own would
    /// move it into the real-time class, whose accounting then takes it to have run ever since.
    /// </summary>
    [KernelFunction("rt_mutex_setprio")]
    private void Lend(ulong task, ulong donor)
    {
        var priority = _memory.ReadInt32(task + _normalPriority);
        if (donor != 0)
            priority = Math.Min(priority, _memory.ReadInt32(donor + _priority));
        _memory.WriteUInt64(task + _donor, donor);
        if (priority == _memory.ReadInt32(task + _priority))
            return;
        _memory.WriteInt32(task + _priority, priority);
        if (_scheduler.AnyRunnable)
            _scheduler.SetNeedReschedule();
    }

    private void Set(ulong task, int policy, int realTimePriority)
    {
        var priority = realTimePriority > 0 ? RealTimePriorities - 1 - realTimePriority : _memory.ReadInt32(task + _staticPriority);
        _memory.WriteInt32(task + _policy, policy);
        _memory.WriteInt32(task + _rtPriority, realTimePriority);
        _memory.WriteInt32(task + _normalPriority, priority);
        _memory.WriteInt32(task + _priority, priority);
        if (_scheduler.AnyRunnable)
            _scheduler.SetNeedReschedule();
    }
}
