namespace Lkm.Kernel.Scheduling;

/// <summary>Bits of task_struct.__state and arguments of __schedule (include/linux/sched.h, kernel/sched/sched.h).</summary>
internal static class TaskState
{
    public const uint Running = 0;
    public const uint Interruptible = 0x1;
    public const uint Uninterruptible = 0x2;
    public const uint Dead = 0x80;

    /// <summary>__TASK_STOPPED, __TASK_TRACED and TASK_PARKED: states that nothing may wake a task from for no reason (TASK_SPECIAL).</summary>
    public const uint Special = 0x4 | 0x8 | 0x40;
    public const uint WakeKill = 0x100;
    public const uint Normal = Interruptible | Uninterruptible;

    /// <summary>SM_PREEMPT: __schedule was called to preempt, so a sleeping state does not put the task to sleep.</summary>
    public const uint ScheduleModePreempt = 0x1;
}

/// <summary>The fields of __preempt_count (include/linux/preempt.h, arch/x86/include/asm/preempt.h).</summary>
internal static class PreemptCount
{
    public const uint Disabled = 1;
    public const uint SoftirqOffset = 1 << 8;
    public const uint HardirqOffset = 1 << 16;
    public const uint InterruptMask = 0x00ffff00;
    public const uint SoftirqMask = 0x0000ff00;
    public const uint HardirqMask = 0x000f0000;

    /// <summary>PREEMPT_NEED_RESCHED, inverted: set means that nothing need be rescheduled.</summary>
    public const uint NoReschedule = 0x80000000;
}
