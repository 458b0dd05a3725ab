using Lkm.Kernel.Time;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// The fair class until 6.5 (CFS): whoever has had the least of the processor runs next. One that has slept is a little ahead, a new one a little behind.
/// </summary>
internal sealed class LeastRuntimeQueue(TaskStruct tasks, VirtualClock clock) : FairQueue(tasks, clock)
{
    /// <summary>sysctl_sched_latency and sysctl_sched_wakeup_granularity of one processor, in nanoseconds.</summary>
    private const long Latency = 6_000_000, WakeupGranularity = 1_000_000;

    /// <summary>What a task that slept is given at most (GENTLE_FAIR_SLEEPERS).</summary>
    private const long SleeperCredit = Latency / 2;

    private readonly Dictionary<ulong, ulong> _runtime = []; // of a type that others use: the run time has one less to make
    private long _least;
    private ulong _next, _skipped; // cfs_rq->next and skip

    /// <inheritdoc/>
    public override long Least => _least;

    /// <inheritdoc/>
    public override void Restore(long least, ReadOnlySpan<ulong> waiting)
    {
        _least = least;
        foreach (var task in waiting)
            Add(task, least);
    }

    /// <inheritdoc/>
    protected override bool Charge(ulong running, long had)
    {
        var runtime = Runtime(running) + Weigh(had, running);
        _runtime[running] = (ulong)runtime;
        foreach (var task in Waiting)
        {
            if (!IsRealTime(task))
                runtime = Math.Min(runtime, Runtime(task));
        }

        _least = Math.Max(_least, runtime);
        return false;
    }

    /// <inheritdoc/>
    public override void Wake(ulong task)
    {
        if (!Waiting.Contains(task))
            Add(task, Math.Max(Runtime(task), _least - SleeperCredit));
    }

    /// <summary>In the fair class it is then the next (set_next_buddy()), although others that wait may have had a little less.</summary>
    protected override bool PreemptsFair(ulong task, ulong running)
    {
        if (!IsFarAhead(running, task))
            return false;
        _next = task;
        return true;
    }

    /// <summary>It comes behind those that are there (START_DEBIT).</summary>
    public override void Start(ulong task, ulong running)
    {
        if (!Waiting.Contains(task))
            Add(task, Math.Max(Runtime(running), _least + (Latency / (Waiting.Count + 2))));
    }

    /// <inheritdoc/>
    public override void Requeue(ulong task)
    {
        if (!Waiting.Contains(task))
            Add(task, Runtime(task));
    }

    /// <summary>When the task is the first to have the processor next, the second has it, unless that is far ahead (set_skip_buddy()).</summary>
    public override void Yield(ulong task) => _skipped = task;

    /// <inheritdoc/>
    public override ulong Take()
    {
        var first = First(but: 0);
        if (first == 0)
            return 0;
        var chosen = first;
        if (!IsRealTime(first))
        {
            if (_skipped == first && First(but: first) is var second and not 0 && !IsFarAhead(second, first))
                chosen = second;
            if (_next != 0 && !IsFarAhead(_next, first))
                chosen = _next;
        }

        Waiting.Remove(chosen);
        if (_next == chosen)
            _next = 0;
        if (_skipped == chosen)
            _skipped = 0;
        return chosen;
    }

    /// <inheritdoc/>
    public override void Forget(ulong task)
    {
        _runtime.Remove(task);
        if (_skipped == task)
            _skipped = 0;
    }

    private ulong First(ulong but)
    {
        ulong best = 0;
        foreach (var task in Waiting)
        {
            if (task != but && (best == 0 || IsBefore(task, best)))
                best = task;
        }

        return best;
    }

    /// <summary>Whether a task has had so much more than another that this goes first in any case (wakeup_preempt_entity()).</summary>
    private bool IsFarAhead(ulong task, ulong other) => Runtime(task) - Runtime(other) > Weigh(WakeupGranularity, other);

    private bool IsBefore(ulong task, ulong other) => IsRealTime(task) || IsRealTime(other) ? IsMoreUrgent(task, other) : Runtime(task) < Runtime(other);

    private long Runtime(ulong task) => _runtime.TryGetValue(task, out var runtime) ? (long)runtime : 0;

    private void Add(ulong task, long runtime)
    {
        _runtime[task] = (ulong)runtime;
        Waiting.Add(task);
    }
}
