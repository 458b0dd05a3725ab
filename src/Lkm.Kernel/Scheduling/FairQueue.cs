using Lkm.Kernel.Time;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Who runs next, as the fair class decides (kernel/sched/fair.c), by a clock that runs slower for tasks of more weight. Real-time tasks come first, by
/// priority.
/// </summary>
internal abstract class FairQueue(TaskStruct tasks, VirtualClock clock)
{
    private const int FirstFairPriority = 100, NiceZero = 120; // MAX_RT_PRIO, DEFAULT_PRIO
    private const double WeightOfNice = 1.25;

    private long _since;

    /// <summary>The tasks that wait, in the order in which they came.</summary>
    public List<ulong> Waiting { get; } = [];

    /// <summary>Where newcomers are placed.</summary>
    public abstract long Least { get; }

    /// <summary>Goes on from a snapshot: nobody has had more than another.</summary>
    public abstract void Restore(long least, ReadOnlySpan<ulong> waiting);

    /// <summary>The processor passes to a task: its time counts from now on.</summary>
    public void Begin() => _since = clock.Nanoseconds;

    /// <summary>Counts what the running task has had since it was last counted (update_curr()).</summary>
    /// <returns>Whether it has had its share, and is to make room.</returns>
    public bool Count(ulong running)
    {
        var now = clock.Nanoseconds;
        var had = now - _since;
        _since = now;
        return had > 0 && !IsRealTime(running) && Charge(running, had);
    }

    /// <summary>The timer's tick comes upon a task (task_tick_fair()).</summary>
    /// <returns>Whether it is to make room for another.</returns>
    public virtual bool Tick(ulong running) => Waiting.Count > 0;

    /// <summary>A task that slept waits for the processor (place_entity()).</summary>
    public abstract void Wake(ulong task);

    /// <summary>A new task waits for the processor.</summary>
    public abstract void Start(ulong task, ulong running);

    /// <summary>The running task gives the processor away and wants it again.</summary>
    public abstract void Requeue(ulong task);

    /// <summary>The running task gives way to others: yield(), which calls schedule() next.</summary>
    public abstract void Yield(ulong task);

    /// <summary>Takes the task that is to run (pick_next_entity()).</summary>
    /// <returns>0 when none waits.</returns>
    public abstract ulong Take();

    /// <summary>A task is gone; another may get its address.</summary>
    public abstract void Forget(ulong task);

    /// <summary>Whether a task that has just come to wait should have the processor instead of the running one (check_preempt_curr()).</summary>
    public bool Preempts(ulong task, ulong running) =>
        IsRealTime(task) || IsRealTime(running)
            ? IsRealTime(task) && tasks.Priority(task) < tasks.Priority(running)
            : PreemptsFair(task, running);

    /// <summary>The same of two tasks of the fair class.</summary>
    protected abstract bool PreemptsFair(ulong task, ulong running);

    /// <summary>Counts nanoseconds that a task of the fair class has had.</summary>
    /// <returns>Whether it has had its share.</returns>
    protected abstract bool Charge(ulong running, long had);

    /// <summary>What so many nanoseconds of the processor count for a task (calc_delta_fair()).</summary>
    protected long Weigh(long nanoseconds, ulong task) => (long)(nanoseconds / WeightOf(task));

    /// <summary>A task's weight, that of one of nice 0 being 1 (sched_prio_to_weight).</summary>
    protected double WeightOf(ulong task) => Math.Pow(WeightOfNice, NiceZero - tasks.Priority(task));

    /// <summary>A task's state.</summary>
    protected uint State(ulong task) => tasks.State(task);

    /// <summary>Whether a task is of a real-time class.</summary>
    protected bool IsRealTime(ulong task) => tasks.Priority(task) < FirstFairPriority;

    /// <summary>Whether a real-time task comes before another task.</summary>
    protected bool IsMoreUrgent(ulong task, ulong other) =>
        IsRealTime(task) && (!IsRealTime(other) || tasks.Priority(task) < tasks.Priority(other));
}
