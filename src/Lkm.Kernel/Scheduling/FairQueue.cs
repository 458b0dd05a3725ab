using Lkm.Kernel.Time;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Who runs next, as the fair class decides (kernel/sched/fair.c of 6.1): whoever has had the least of the processor, by a clock that runs slower
/// for tasks of more weight. One that has slept is a little ahead, a new one a little behind. Real-time tasks come first, by priority.
/// </summary>
internal sealed class FairQueue(TaskStruct tasks, VirtualClock clock)
{
    /// <summary>sysctl_sched_latency and sysctl_sched_wakeup_granularity of one processor, in nanoseconds.</summary>
    private const long Latency = 6_000_000, WakeupGranularity = 1_000_000;

    /// <summary>What a task that slept is given at most (GENTLE_FAIR_SLEEPERS).</summary>
    private const long SleeperCredit = Latency / 2;

    private const int FirstFairPriority = 100, NiceZero = 120; // MAX_RT_PRIO, DEFAULT_PRIO
    private const double WeightOfNice = 1.25;

    private readonly List<ulong> _queue = [];
    private readonly Dictionary<ulong, ulong> _runtime = []; // of a type that others use: the run time has one less to make
    private long _least, _since;
    private ulong _next, _skipped; // cfs_rq->next and skip

    /// <summary>The tasks that wait, in the order in which they came.</summary>
    public IReadOnlyList<ulong> Tasks => _queue;

    /// <summary>min_vruntime: where newcomers are placed.</summary>
    public long Least => _least;

    /// <summary>Goes on from a snapshot: nobody has had more than another.</summary>
    public void Restore(long least, ReadOnlySpan<ulong> waiting)
    {
        _least = least;
        foreach (var task in waiting)
            Add(task, least);
    }

    /// <summary>The processor passes to a task: its time counts from now on.</summary>
    public void Begin() => _since = clock.Nanoseconds;

    /// <summary>Counts what the running task has had since it was last counted (update_curr()).</summary>
    public void Count(ulong running)
    {
        var now = clock.Nanoseconds;
        var had = now - _since;
        _since = now;
        if (had <= 0 || IsRealTime(running))
            return;
        var runtime = Runtime(running) + Weigh(had, running);
        _runtime[running] = (ulong)runtime;
        foreach (var task in _queue)
        {
            if (!IsRealTime(task))
                runtime = Math.Min(runtime, Runtime(task));
        }

        _least = Math.Max(_least, runtime);
    }

    /// <summary>A task that slept waits for the processor (place_entity()).</summary>
    public void Wake(ulong task)
    {
        if (!_queue.Contains(task))
            Add(task, Math.Max(Runtime(task), _least - SleeperCredit));
    }

    /// <summary>
    /// Whether a task that has just been woken should have the processor instead of the running one (check_preempt_curr()). In the fair class it is
    /// then the next (set_next_buddy()), although others that wait may have had a little less.
    /// </summary>
    public bool Preempts(ulong task, ulong running)
    {
        var isRealTime = IsRealTime(task);
        if (isRealTime || IsRealTime(running))
            return isRealTime && tasks.Priority(task) < tasks.Priority(running);
        if (!IsFarAhead(running, task))
            return false;
        _next = task;
        return true;
    }

    /// <summary>A new task waits for the processor, behind those that are there (START_DEBIT).</summary>
    public void Start(ulong task, ulong running)
    {
        if (!_queue.Contains(task))
            Add(task, Math.Max(Runtime(running), _least + (Latency / (_queue.Count + 2))));
    }

    /// <summary>The running task gives the processor away and wants it again.</summary>
    public void Requeue(ulong task)
    {
        if (!_queue.Contains(task))
            Add(task, Runtime(task));
    }

    /// <summary>yield(): when the task is the first to have the processor next, the second has it, unless that is far ahead (set_skip_buddy()).</summary>
    public void Skip(ulong task) => _skipped = task;

    /// <summary>Takes the task that is to run (pick_next_entity()).</summary>
    /// <returns>0 when none waits.</returns>
    public ulong Take()
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

        _queue.Remove(chosen);
        if (_next == chosen)
            _next = 0;
        if (_skipped == chosen)
            _skipped = 0;
        return chosen;
    }

    /// <summary>A task is gone; another may get its address.</summary>
    public void Forget(ulong task)
    {
        _runtime.Remove(task);
        if (_skipped == task)
            _skipped = 0;
    }

    private ulong First(ulong but)
    {
        ulong best = 0;
        foreach (var task in _queue)
        {
            if (task != but && (best == 0 || IsBefore(task, best)))
                best = task;
        }

        return best;
    }

    /// <summary>Whether a task has had so much more than another that this goes first in any case (wakeup_preempt_entity()).</summary>
    private bool IsFarAhead(ulong task, ulong other) => Runtime(task) - Runtime(other) > Weigh(WakeupGranularity, other);

    /// <summary>What so many nanoseconds of the processor count for a task (calc_delta_fair()).</summary>
    private long Weigh(long nanoseconds, ulong task) => (long)(nanoseconds * Math.Pow(WeightOfNice, tasks.Priority(task) - NiceZero));

    private bool IsRealTime(ulong task) => tasks.Priority(task) < FirstFairPriority;

    private bool IsBefore(ulong task, ulong other)
    {
        bool isRealTime = IsRealTime(task), otherIs = IsRealTime(other);
        if (isRealTime || otherIs)
            return isRealTime && (!otherIs || tasks.Priority(task) < tasks.Priority(other));
        return Runtime(task) < Runtime(other);
    }

    private long Runtime(ulong task) => _runtime.TryGetValue(task, out var runtime) ? (long)runtime : 0;

    private void Add(ulong task, long runtime)
    {
        _runtime[task] = (ulong)runtime;
        _queue.Add(task);
    }
}
