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
        var runtime = Runtime(running) + (long)(had * Math.Pow(WeightOfNice, tasks.Priority(running) - NiceZero));
        _runtime[running] = (ulong)runtime;
        foreach (var task in _queue)
        {
            if (!IsRealTime(task))
                runtime = Math.Min(runtime, Runtime(task));
        }

        _least = Math.Max(_least, runtime);
    }

    /// <summary>A task that slept waits for the processor (place_entity(), check_preempt_wakeup()).</summary>
    /// <returns>Whether it should have the processor instead of the running one.</returns>
    public bool Wake(ulong task, ulong running)
    {
        if (_queue.Contains(task))
            return false;
        Add(task, Math.Max(Runtime(task), _least - SleeperCredit));
        return (IsRealTime(task), IsRealTime(running)) switch
        {
            (true, true) => tasks.Priority(task) < tasks.Priority(running),
            (true, false) => true,
            (false, true) => false,
            _ => Runtime(running) - Runtime(task) > WakeupGranularity,
        };
    }

    /// <summary>A new task waits for the processor, behind those that are there (START_DEBIT).</summary>
    public void Start(ulong task, ulong running)
    {
        if (!_queue.Contains(task))
            Add(task, Math.Max(Runtime(running), _least + (Latency / (_queue.Count + 2))));
    }

    /// <summary>The running task gives the processor away and wants it again.</summary>
    /// <param name="task">The task.</param>
    /// <param name="yields">Whether by yield(): the others go first, also those that have had more.</param>
    public void Requeue(ulong task, bool yields)
    {
        var runtime = Runtime(task);
        if (yields)
        {
            foreach (var other in _queue)
                runtime = Math.Max(runtime, Runtime(other));
        }

        if (!_queue.Contains(task))
            Add(task, runtime);
    }

    /// <summary>Takes the task that is to run.</summary>
    /// <returns>0 when none waits.</returns>
    public ulong Take()
    {
        var best = -1;
        for (var i = 0; i < _queue.Count; i++)
        {
            if (best < 0 || IsBefore(_queue[i], _queue[best]))
                best = i;
        }

        if (best < 0)
            return 0;
        var task = _queue[best];
        _queue.RemoveAt(best);
        return task;
    }

    /// <summary>A task is gone; another may get its address.</summary>
    public void Forget(ulong task) => _runtime.Remove(task);

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
