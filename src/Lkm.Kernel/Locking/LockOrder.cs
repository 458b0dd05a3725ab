namespace Lkm.Kernel.Locking;

/// <summary>
/// In which order locks were taken: an edge leads from a lock that was held to one that was taken then. A way back means that two tasks, each with one of
/// the locks, may wait for each other for ever (kernel/locking/lockdep.c). Linux knows classes of locks; here each lock is itself, so nothing need be annotated.
/// </summary>
internal sealed class LockOrder
{
    private const int MostEdges = 1 << 14, LongestCycle = 6;

    private readonly Dictionary<ulong, List<LockEdge>> _edges = []; // by the lock that was held
    private int _count;

    /// <summary>Whether it is known that one lock is taken with another held.</summary>
    internal bool Has(ulong held, ulong taken) => _edges.TryGetValue(held, out var edges) && edges.Exists(edge => edge.Taken.Address == taken);

    /// <summary>Learns an order.</summary>
    /// <returns>Edges that lead from what was taken back to what was held; none if there are none, or they do no harm.</returns>
    internal IReadOnlyList<LockEdge> Add(LockEdge edge)
    {
        if (_count == MostEdges)
            return [];
        if (!_edges.TryGetValue(edge.Held.Address, out var edges))
            _edges[edge.Held.Address] = edges = [];
        edges.Add(edge);
        _count++;
        var path = new List<LockEdge>();
        return FindWay(edge.Taken.Address, edge, path, []) ? path : [];
    }

    /// <summary>Forgets the locks in a range of memory, which is going to be something else.</summary>
    internal void Forget(ulong start, ulong end)
    {
        foreach (var (held, edges) in _edges)
        {
            _count -= held >= start && held < end ? edges.Count : edges.RemoveAll(edge => edge.Taken.Address >= start && edge.Taken.Address < end);
            if (held >= start && held < end)
                _edges.Remove(held);
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
            if (cycle[i].Taken.Function.IsShared && cycle[(i + 1) % cycle.Length].Held.Function.IsShared)
                return false;
        }

        var gates = new HashSet<ulong>(closing.AlsoHeld);
        foreach (var edge in path)
            gates.IntersectWith(edge.AlsoHeld);
        return gates.Count == 0;
    }
}

/// <summary>One lock was taken while another was held.</summary>
/// <param name="Held">The one that was held.</param>
/// <param name="Taken">The one that was taken.</param>
/// <param name="AlsoHeld">Others that were held then, and that one task can have at a time.</param>
/// <param name="Objects">What the two lay in: memory that was freed and allocated for something else holds other locks at the same addresses.</param>
internal sealed record LockEdge(HeldLock Held, HeldLock Taken, IReadOnlyList<ulong> AlsoHeld, (ulong OfHeld, ulong OfTaken) Objects);
