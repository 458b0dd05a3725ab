using Lkm.Kernel.Time;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// The fair class since 6.6 (EEVDF), with the features that 6.12 has on: of those that have not had more than the average, the one runs next whose share is
/// due first. Who runs keeps the processor until its share is used up, as long as it is one of those (RUN_TO_PARITY). What a task had too little or too much stays when it sleeps; one that
/// had too much waits its time off before it counts as asleep (DELAY_DEQUEUE).
/// </summary>
/// <param name="tasks">The tasks' members.</param>
/// <param name="clock">The time.</param>
/// <param name="share">Tells sysctl_sched_base_slice, in nanoseconds.</param>
internal sealed class EarliestDeadlineQueue(TaskStruct tasks, VirtualClock clock, Func<long> share) : FairQueue(tasks, clock)
{
    private const long TickLength = 4_000_000; // TICK_NSEC

    private readonly Dictionary<ulong, Entity> _entities = [];
    private readonly List<ulong> _delayed = []; // asleep, and not yet forgotten what they had too much
    private ulong _running; // of the fair class
    private bool _goesOn; // whether it wants the processor again
    private long _average; // the last, for when there is nobody

    /// <inheritdoc/>
    public override long Least => _average;

    /// <inheritdoc/>
    public override void Restore(long least, ReadOnlySpan<ulong> waiting)
    {
        _average = least;
        Waiting.AddRange(waiting);
    }

    /// <inheritdoc/>
    public override bool Tick(ulong running) => Count(running) || (IsRealTime(running) && Waiting.Count > 0);

    /// <inheritdoc/>
    public override void Wake(ulong task)
    {
        if (Waiting.Contains(task) || (task == _running && _goesOn))
            return;
        var entity = Of(task);
        if (_delayed.Contains(task)) // requeue_delayed_entity()
        {
            var isOver = LagOf(task) > 0;
            _delayed.Remove(task);
            if (isOver)
                Place(task, entity with { Lag = 0 }, share());
        }
        else
        {
            Place(task, entity, share());
        }

        Waiting.Add(task);
    }

    /// <summary>It is to have its first share in half the time.</summary>
    public override void Start(ulong task, ulong running)
    {
        if (Waiting.Contains(task))
            return;
        Place(task, default, share() / 2);
        Waiting.Add(task);
    }

    /// <inheritdoc/>
    public override void Requeue(ulong task)
    {
        if (!IsRealTime(task))
            (_running, _goesOn) = (task, true);
        else if (!Waiting.Contains(task))
            Waiting.Add(task);
    }

    /// <summary>What is left of its share is lost.</summary>
    public override void Yield(ulong task)
    {
        _running = task;
        if (Waiting.Count == 0 || !IsEligible(task, withRunning: true))
            return;
        var entity = Of(task);
        _entities[task] = entity with { Runtime = entity.Deadline, Deadline = entity.Deadline + Weigh(share(), task) };
    }

    /// <inheritdoc/>
    public override ulong Take()
    {
        if (!_goesOn && _running != 0)
            FallAsleep(_running);
        var running = _goesOn ? _running : 0;
        var chosen = MostUrgent();
        if (chosen == 0)
            chosen = Pick(running != 0, onlyAsks: false);
        Waiting.Remove(chosen);
        if (running != 0 && running != chosen)
            Waiting.Add(running);
        if (chosen != running && chosen != 0 && !IsRealTime(chosen))
            _entities[chosen] = Of(chosen) with { Protected = Of(chosen).Deadline };
        (_running, _goesOn) = (chosen != 0 && !IsRealTime(chosen) ? chosen : 0, false);
        return chosen;
    }

    /// <inheritdoc/>
    public override void Forget(ulong task)
    {
        _entities.Remove(task);
        _delayed.Remove(task);
        if (_running == task)
            _running = 0;
    }

    /// <inheritdoc/>
    protected override bool Charge(ulong running, long had)
    {
        _running = running;
        var entity = Of(running);
        entity.Runtime += Weigh(had, running);
        var isUsedUp = entity.Runtime >= entity.Deadline; // update_deadline()
        if (isUsedUp)
            entity.Deadline = entity.Runtime + Weigh(share(), running);
        _entities[running] = entity;
        return isUsedUp && Waiting.Count + _delayed.Count > 0;
    }

    /// <inheritdoc/>
    protected override bool PreemptsFair(ulong task, ulong running)
    {
        _running = running;
        return Pick(withRunning: true, onlyAsks: true) == task;
    }

    private ulong MostUrgent()
    {
        ulong best = 0;
        foreach (var task in Waiting)
        {
            if (IsRealTime(task) && (best == 0 || IsMoreUrgent(task, best)))
                best = task;
        }

        return best;
    }

    /// <summary>pick_eevdf(). One that sleeps and has waited its time off stops to count then, unless this only asks.</summary>
    private ulong Pick(bool withRunning, bool onlyAsks)
    {
        while (true)
        {
            var candidates = Competing(withRunning: false).ToList();
            var running = withRunning ? _running : 0;
            if (candidates.Count == 0)
                return running;
            if (running != 0 && !IsEligible(running, withRunning))
                running = 0;
            if (running != 0 && Of(running) is var current && current.Protected == current.Deadline)
                return running;
            ulong best = 0;
            foreach (var task in candidates)
            {
                if ((best == 0 || Of(task).Deadline < Of(best).Deadline) && IsEligible(task, withRunning))
                    best = task;
            }

            if (best == 0 || (running != 0 && Of(running).Deadline < Of(best).Deadline))
                best = running;
            if (onlyAsks || !_delayed.Contains(best))
                return best;
            _entities[best] = Of(best) with { Lag = Math.Min(LagOf(best), 0) };
            _delayed.Remove(best);
        }
    }

    /// <summary>dequeue_entity() of the running task.</summary>
    private void FallAsleep(ulong task)
    {
        var isDelayed = (State(task) & TaskState.Special) == 0 && !IsEligible(task, withRunning: true);
        if (!isDelayed)
            _entities[task] = Of(task) with { Lag = LagOf(task) };
        else
            _delayed.Add(task);
        _running = 0;
    }

    /// <summary>place_entity(): its lag is to be the same after its coming has changed the average.</summary>
    private void Place(ulong task, Entity entity, long slice)
    {
        var average = Average(withRunning: true, out var weight);
        var lag = weight == 0 ? 0 : (long)(entity.Lag * (weight + WeightOf(task)) / weight);
        entity.Runtime = average - lag;
        entity.Deadline = entity.Runtime + Weigh(slice, task);
        entity.Protected = 0;
        _entities[task] = entity;
    }

    /// <summary>entity_lag(): how much less than the average a task has had, within bounds.</summary>
    private long LagOf(ulong task)
    {
        var limit = Weigh(Math.Max(2 * share(), TickLength), task);
        return Math.Clamp(Average(withRunning: true, out _) - Of(task).Runtime, -limit, limit);
    }

    private bool IsEligible(ulong task, bool withRunning)
    {
        var least = Competing(withRunning).Min(other => Of(other).Runtime);
        double sum = 0, weights = 0;
        foreach (var other in Competing(withRunning))
        {
            sum += (Of(other).Runtime - least) * WeightOf(other);
            weights += WeightOf(other);
        }

        return sum >= (Of(task).Runtime - least) * weights;
    }

    /// <summary>avg_vruntime(): what all who compete have had on average, by their weights.</summary>
    private long Average(bool withRunning, out double weight)
    {
        weight = 0;
        double sum = 0;
        foreach (var task in Competing(withRunning))
        {
            sum += (Of(task).Runtime - _average) * WeightOf(task);
            weight += WeightOf(task);
        }

        return weight == 0 ? _average : _average += (long)Math.Floor(sum / weight);
    }

    private IEnumerable<ulong> Competing(bool withRunning)
    {
        foreach (var task in Waiting)
        {
            if (!IsRealTime(task))
                yield return task;
        }

        foreach (var task in _delayed)
            yield return task;
        if (withRunning && _running != 0)
            yield return _running;
    }

    private Entity Of(ulong task) =>
        _entities.TryGetValue(task, out var entity) ? entity : new Entity { Runtime = _average, Deadline = _average + Weigh(share(), task) };

    /// <summary>What of struct sched_entity matters here: vruntime, deadline, vlag, and the deadline at which it was chosen to run.</summary>
    private record struct Entity
    {
        public long Runtime, Deadline, Lag, Protected;
    }
}
