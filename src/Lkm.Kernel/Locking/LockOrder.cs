namespace Lkm.Kernel.Locking;

/// <summary>
/// In which order locks were taken: an edge leads from a lock that was held to one that was taken then. A way back means that two tasks, each with one of
/// the locks, may wait for each other for ever (kernel/locking/lockdep.c). Linux knows classes of locks; here each lock is itself, so nothing need be annotated.
/// </summary>
internal sealed class LockOrder
{
    private const int MostEdges = 1 << 14, MostAlike = 4, LongestCycle = 6;

    private readonly Dictionary<ulong, List<LockEdge>> _edges = [], _back = []; // by the lock that was held, and by the one that was taken
    private int _count;

    /// <summary>
    /// Whether all is known that can be learned of one lock that is taken with another held: who only reads, or has one more lock, does less harm than who was there before.
    /// </summary>
    internal bool Has(HeldLock held, HeldLock taken, IReadOnlyList<HeldLock> all)
    {
        if (!_edges.TryGetValue(held.Address, out var edges))
            return false;
        var alike = 0;
        foreach (var edge in edges)
        {
            if (edge.Taken.Address != taken.Address)
                continue;
            if (++alike == MostAlike || (Excludes(edge.Held, held) && Excludes(edge.Taken, taken) && edge.AlsoHeld.All(gate => all.Any(one => one.Address == gate && !one.Function.IsShared))))
                return true;
        }

        return false;
    }

    /// <summary>Learns an order.</summary>
    /// <returns>Edges that lead from what was taken back to what was held; none if there are none, or they do no harm.</returns>
    internal IReadOnlyList<LockEdge> Add(LockEdge edge)
    {
        if (_count == MostEdges)
            return [];
        if (!_edges.TryGetValue(edge.Held.Address, out var edges))
            _edges[edge.Held.Address] = edges = [];
        edges.Add(edge);
        if (!_back.TryGetValue(edge.Taken.Address, out var back))
            _back[edge.Taken.Address] = back = [];
        back.Add(edge);
        _count++;
        var path = new List<LockEdge>();
        return FindWay(edge.Taken.Address, edge, path, []) ? path : [];
    }

    /// <summary>
    /// Orders that lead to a lock that somebody has while an interrupt may come, from one that an interrupt wants: who waits on that way has what the interrupt
    /// waits for (check_irq_usage() there).
    /// </summary>
    /// <param name="edge">One that has to be on the way.</param>
    /// <param name="inside">How a lock is taken in an interrupt.</param>
    /// <param name="outside">How a lock is taken with interrupts on, and which others are held then.</param>
    /// <returns>Null if there are none.</returns>
    internal LockInversion? FindInversion(LockEdge edge, Func<ulong, HeldLock?> inside, Func<ulong, (HeldLock Lock, IReadOnlyList<ulong> AlsoHeld)?> outside)
    {
        foreach (var before in Ways(edge, _back, one => one.Held.Address, (next, one) => (next, one)))
        {
            if (inside(before[^1].Held.Address) is not { } wanted || BothRead(wanted, before[^1].Held))
                continue;
            foreach (var after in Ways(edge, _edges, one => one.Taken.Address, (next, one) => (one, next)))
            {
                if (outside(after[^1].Taken.Address) is not var (had, gates) || BothRead(had, after[^1].Taken) || had.Address == wanted.Address)
                    continue;
                List<LockEdge> way = [.. before.Reverse(), .. after.Skip(1)];
                if (!gates.Any(gate => way.TrueForAll(one => one.AlsoHeld.Contains(gate))))
                    return new LockInversion(wanted, way, had);
            }
        }

        return null;
    }

    /// <summary>Orders with a lock: those in which it was held, or was taken.</summary>
    internal IEnumerable<LockEdge> With(ulong address) => [.. _edges.GetValueOrDefault(address, []), .. _back.GetValueOrDefault(address, [])];

    /// <summary>Forgets the locks in a range of memory, which is going to be something else.</summary>
    internal void Forget(ulong start, ulong end)
    {
        bool IsGone(ulong address) => address >= start && address < end;
        foreach (var (held, edges) in _edges)
        {
            _count -= IsGone(held) ? edges.Count : edges.RemoveAll(edge => IsGone(edge.Taken.Address));
            if (IsGone(held))
                _edges.Remove(held);
        }

        foreach (var (taken, edges) in _back)
        {
            edges.RemoveAll(edge => IsGone(edge.Held.Address));
            if (IsGone(taken))
                _back.Remove(taken);
        }
    }

    // Ways that begin with an edge, each longer one after what it prolongs; those that readers share a lock on are none.
    private static IEnumerable<IReadOnlyList<LockEdge>> Ways(
        LockEdge first, Dictionary<ulong, List<LockEdge>> steps, Func<LockEdge, ulong> end, Func<LockEdge, LockEdge, (LockEdge Earlier, LockEdge Later)> inOrder)
    {
        var ways = new Queue<IReadOnlyList<LockEdge>>([[first]]);
        var seen = new HashSet<ulong>();
        while (ways.TryDequeue(out var way))
        {
            yield return way;
            if (way.Count == LongestCycle || !seen.Add(end(way[^1])) || !steps.TryGetValue(end(way[^1]), out var edges))
                continue;
            foreach (var next in edges)
            {
                var (earlier, later) = inOrder(next, way[^1]);
                if (!BothRead(earlier.Taken, later.Held))
                    ways.Enqueue([.. way, next]);
            }
        }
    }

    private bool FindWay(ulong from, LockEdge closing, List<LockEdge> path, HashSet<ulong> seen)
    {
        if (path.Count == LongestCycle || !seen.Add(from) || !_edges.TryGetValue(from, out var edges))
            return false;
        foreach (var edge in edges)
        {
            path.Add(edge);
            if (edge.Taken.Address == closing.Held.Address ? CanDeadlock(closing, path) : FindWay(edge.Taken.Address, closing, path, seen))
                return true;
            path.RemoveAt(path.Count - 1);
        }

        return false;
    }

    // Not if readers share a lock on the way, nor if a lock that is held in each step lets only one pass at a time.
    private static bool CanDeadlock(LockEdge closing, List<LockEdge> path)
    {
        LockEdge[] cycle = [closing, .. path];
        for (var i = 0; i < cycle.Length; i++)
        {
            if (BothRead(cycle[i].Taken, cycle[(i + 1) % cycle.Length].Held))
                return false;
        }

        var gates = new HashSet<ulong>(closing.AlsoHeld);
        foreach (var edge in path)
            gates.IntersectWith(edge.AlsoHeld);
        return gates.Count == 0;
    }

    private static bool BothRead(HeldLock one, HeldLock other) => one.Function.IsShared && other.Function.IsShared;

    private static bool Excludes(HeldLock one, HeldLock other) => !one.Function.IsShared || other.Function.IsShared;
}

/// <summary>One lock was taken while another was held.</summary>
/// <param name="Held">The one that was held.</param>
/// <param name="Taken">The one that was taken.</param>
/// <param name="AlsoHeld">Others that were held then, and that one task can have at a time.</param>
/// <param name="Objects">What the two lay in: memory that was freed and allocated for something else holds other locks at the same addresses.</param>
internal sealed record LockEdge(HeldLock Held, HeldLock Taken, IReadOnlyList<ulong> AlsoHeld, (ulong OfHeld, ulong OfTaken) Objects);

/// <summary>Somebody has a lock and is interrupted; the interrupt waits for another, and who has that waits, on a way of orders, for the first.</summary>
/// <param name="Inside">What the interrupt waits for.</param>
/// <param name="Way">From there to what was held.</param>
/// <param name="Outside">What was held, with interrupts on.</param>
internal sealed record LockInversion(HeldLock Inside, IReadOnlyList<LockEdge> Way, HeldLock Outside);
