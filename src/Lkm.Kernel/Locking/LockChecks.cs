using Lkm.Kernel.Boot;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Locking;

/// <summary>
/// Finds what lockdep finds (kernel/locking/lockdep.c, CONFIG_PROVE_LOCKING), for the locks that modules take themselves: orders that can deadlock, locks that an
/// interrupt may want from who it interrupts, a mutex that is taken twice, and one that a task ends with. That a lock is held is believed only if its memory says so:
/// functions of the kernel may have given it back.
/// </summary>
internal sealed class LockChecks(UserModeKernel kernel)
{
    private const ulong InterruptFlag = 1 << 9;
    private const int WarningLevel = 4;
    private const int MostLocks = 1 << 16;

    private readonly LockState _state = new(kernel.Memory, kernel.Image);
    private readonly IObjectFinder _objects = kernel.Slab;
    private readonly LockOrder _order = new();
    private readonly Dictionary<ulong, List<HeldLock>> _held = []; // by task
    private readonly Dictionary<ulong, LockUsage> _usage = [];
    private readonly HashSet<(ulong, ulong)> _reported = [];
    private readonly Dictionary<ulong, string> _sites = [];
    private readonly RunningWork _works = new(kernel.Memory, kernel.Image, kernel.Tasks);

    /// <summary>A module is about to call a function with a lock.</summary>
    internal void Call(in LockFunction function, ulong address, ulong site)
    {
        var task = kernel.PerCpu.Current;
        if (!_sites.TryGetValue(site, out var place))
            _sites[site] = place = kernel.Symbolise(site);
        var taken = new HeldLock(address, function, site, Context, place);
        if (function.Operation == LockOperation.Release)
        {
            Release(task, taken);
            return;
        }

        if (function.Operation == LockOperation.Try && !_state.CanBeTaken(address, function.Kind))
            return;
        if (!_held.TryGetValue(task, out var held))
            _held[task] = held = [];
        held.RemoveAll(other => other.Function.Runs || !_state.IsHeld(other.Address, other.Function.Kind, task));
        held.InsertRange(0, Running(task));
        if (function.Operation is LockOperation.Take or LockOperation.Await)
            Check(taken, held);
        if (function.Spins)
            CheckUsage(taken, held);
        if (function.Operation != LockOperation.Await)
            held.Add(taken);
    }

    // A work may free itself.
    private IEnumerable<HeldLock> Running(ulong task)
    {
        if (_works.Of(task) is not var (work, queue, function) || _objects.FindObject(work) is { IsFreed: true })
            yield break;
        var place = kernel.Symbolise(function);
        yield return new HeldLock(work, new LockFunction(LockKind.Work, LockOperation.Take), function, LockContext.Task, place);
        yield return new HeldLock(queue, new LockFunction(LockKind.Queue, LockOperation.Take), function, LockContext.Task, place);
    }

    /// <summary>A task has ended.</summary>
    internal void TaskEnded(ulong task)
    {
        if (!_held.Remove(task, out var held))
            return;
        foreach (var one in held)
        {
            if (one.Function.Kind is LockKind.Mutex or LockKind.ExclusiveSemaphore && _state.IsHeld(one.Address, one.Function.Kind, task) && _reported.Add((one.Site, 0)))
            {
                var who = Who(task);
                Report($"{who} still has locks held!", $"{who} ended with {Name(one)} held, taken at {one.Place}: nobody else will ever get it", []);
            }
        }
    }

    /// <summary>What lock a task sleeps for, and who has it, for people.</summary>
    /// <param name="task">The task.</param>
    /// <param name="place">The return address of the module's call that it is in.</param>
    /// <returns>Null if it is no lock that it waits for.</returns>
    internal string? WaitsFor(ulong task, ulong place)
    {
        const ulong callSize = 5;
        if (!_held.TryGetValue(task, out var own) || own.Count == 0 || own[^1] is not { Function.Spins: false } wanted || place - wanted.Site != callSize)
            return null;
        if (own[..^1].Exists(one => one.Address == wanted.Address))
            return $"for {Name(wanted)}, which it has itself";
        return FindOtherHolder(wanted.Address, task) is var (holder, found)
            ? $"for {Name(wanted)}, which {kernel.Tasks.Comm(holder)} (pid {kernel.Tasks.Pid(holder)}) has since {found.Place}"
            : $"for {Name(wanted)}";
    }

    private (ulong Holder, HeldLock Lock)? FindOtherHolder(ulong address, ulong task)
    {
        foreach (var (other, theirs) in _held)
        {
            if (other != task && theirs.Find(one => one.Address == address && _state.IsHeld(one.Address, one.Function.Kind, other)) is { Address: not 0 } found)
                return (other, found);
        }

        return null;
    }

    /// <summary>A module is loaded, and one of its calls is where another module's may have been.</summary>
    internal void ForgetSite(ulong site)
    {
        if (_sites.Remove(site))
            _reported.RemoveWhere(places => places.Item1 == site || places.Item2 == site);
    }

    /// <summary>Memory that held a module, or part of one, is freed.</summary>
    internal void Forget(ulong start, ulong end)
    {
        _order.Forget(start, end);
        foreach (var address in _usage.Keys)
        {
            if (address >= start && address < end)
                _usage.Remove(address);
        }

        foreach (var held in _held.Values)
            held.RemoveAll(one => one.Address >= start && one.Address < end);
    }

    private LockContext Context => (kernel.PerCpu.PreemptCount & PreemptCount.HardirqMask) != 0 ? LockContext.Interrupt
        : (kernel.PerCpu.PreemptCount & PreemptCount.SoftirqOffset) != 0 ? LockContext.SoftInterrupt
        : LockContext.Task;

    private void Release(ulong task, HeldLock given)
    {
        if (!_state.CanBeGivenBack(given.Address, given.Function.Kind, task) && _reported.Add((given.Site, 0)))
        {
            var holder = FindOtherHolder(given.Address, task) is var (other, _) ? Who(other) : "nobody";
            Report("bad unlock balance detected!", $"{Name(given)} is given back at {given.Place} by {Who(task)}, but {holder} has it", []);
        }

        if (_held.TryGetValue(task, out var held) && held.FindLastIndex(one => one.Address == given.Address) is >= 0 and var last)
            held.RemoveAt(last);
    }

    private void Check(HeldLock taken, List<HeldLock> held)
    {
        // Who waits for himself, or reads once more, gets into no order by that.
        var before = held.FindIndex(other => other.Address == taken.Address && other.Context == taken.Context && other.Function.Runs == taken.Function.Runs);
        if (before >= 0)
        {
            CheckTwice(taken, held[before]);
            return;
        }

        foreach (var other in held)
        {
            if (other.Context == taken.Context && !_order.Has(other, taken, held))
                Learn(other, taken, held);
        }
    }

    // Of spinlocks SpinningLocks tells.
    private void CheckTwice(HeldLock taken, HeldLock before)
    {
        if (!taken.Function.Spins && !(taken.Function.IsShared && before.Function.IsShared) && _reported.Add((taken.Site, before.Site)))
        {
            Report(
                "possible recursive locking detected",
                $"{Name(taken)} is {Taken(taken)} at {taken.Place} by the task that has it already, since {before.Place}: it waits for itself",
                []);
        }
    }

    private void Learn(HeldLock held, HeldLock taken, List<HeldLock> all)
    {
        var also = all.Where(one => one != held && !one.Function.IsShared).Select(one => one.Address).ToArray();
        var edge = new LockEdge(held, taken, also, (ObjectAt(held.Address), ObjectAt(taken.Address)));
        var way = _order.Add(edge);
        if (way.Count == 0)
        {
            CheckInversion(edge);
            return;
        }

        if (ForgetStale(way) || !_reported.Add((held.Site, taken.Site)))
            return;
        Report(
            "possible circular locking dependency detected",
            $"{Name(taken)} is {Taken(taken)} at {taken.Place} {With(held)}, and {(way.Count == 1 ? "the other way round" : "in a circle")} at "
                + $"{string.Join(", ", way.Select(one => one.Taken.Place))}: tasks that do so at once wait for each other for ever",
            Steps(way));
    }

    // Orders of locks whose memory is something else by now.
    private bool ForgetStale(IReadOnlyList<LockEdge> way)
    {
        var stale = way.SelectMany(edge => new[] { (edge.Held.Address, edge.Objects.OfHeld), (edge.Taken.Address, edge.Objects.OfTaken) })
            .Where(known => ObjectAt(known.Address) != known.Item2).Select(known => known.Address).ToList();
        foreach (var address in stale)
            _order.Forget(address, address + 1);
        return stale.Count != 0;
    }

    private void CheckUsage(HeldLock taken, List<HeldLock> held)
    {
        if (_usage.Count == MostLocks)
            _usage.Clear();
        if (!_usage.TryGetValue(taken.Address, out var usage))
            _usage[taken.Address] = usage = new LockUsage(ObjectAt(taken.Address));
        var interruptsOn = (kernel.Cpu.Rflags & InterruptFlag) != 0;
        var isNew = usage.Add(taken, interruptsOn, softInterruptsOn: (kernel.PerCpu.PreemptCount & PreemptCount.SoftirqMask) == 0, held);
        if (usage.Conflict is not var (inside, outside))
        {
            foreach (var edge in isNew ? _order.With(taken.Address) : [])
                CheckInversion(edge);
            return;
        }

        if (_reported.Contains((inside.Site, outside.Site)))
            return;
        if (usage.Object != ObjectAt(taken.Address))
        {
            _usage.Remove(taken.Address);
            return;
        }

        _reported.Add((inside.Site, outside.Site));
        var what = Interrupt(inside.Context);
        Report(
            "inconsistent lock state",
            $"{Name(inside)} is taken in {Article(inside.Context)} {what} at {inside.Place}, and at {outside.Place} with {what}s on: "
                + "one that comes while the lock is held there waits for ever",
            []);
    }

    private void CheckInversion(LockEdge edge)
    {
        foreach (var interrupt in (LockContext[])[LockContext.Interrupt, LockContext.SoftInterrupt])
        {
            if (_order.FindInversion(edge, address => Usage(address)?.Inside(interrupt), address => Usage(address)?.Outside(interrupt)) is not var (inside, way, outside)
                || ForgetStale(way) || !_reported.Add((inside.Site, outside.Site)))
            {
                continue;
            }

            var kind = interrupt == LockContext.Interrupt ? "HARDIRQ" : "SOFTIRQ";
            Report(
                $"{kind}-safe -> {kind}-unsafe lock order detected",
                $"{Name(outside)} is taken at {outside.Place} with {Interrupt(interrupt)}s on, and {(way.Count == 1 ? "" : "on a way ")}at {way[^1].Taken.Place} {With(inside)}, "
                    + $"which {Article(interrupt)} {Interrupt(interrupt)} takes at {inside.Place}: one that comes at the first place waits for who waits for that",
                Steps(way));
        }
    }

    private LockUsage? Usage(ulong address) => _usage.TryGetValue(address, out var usage) && usage.Object == ObjectAt(address) ? usage : null;

    private string[] Steps(IReadOnlyList<LockEdge> way) =>
        [.. way.Select(edge => $"{Name(edge.Taken)} was {Taken(edge.Taken)} at {edge.Taken.Place} {With(edge.Held)} since {edge.Held.Place}")];

    private static string Taken(HeldLock one) => one.Function.Operation == LockOperation.Await ? "waited for" : "taken";

    private string With(HeldLock one) => one.Function.Runs ? $"in {Name(one)}" : $"with {Name(one)} held";

    private static string Interrupt(LockContext context) => context == LockContext.Interrupt ? "interrupt" : "soft interrupt";

    private static string Article(LockContext context) => context == LockContext.Interrupt ? "an" : "a";

    private string Who(ulong task) => $"{kernel.Tasks.Comm(task)}/{kernel.Tasks.Pid(task)}";

    // Not for who it was: objects of one kind that follow each other hold the same locks.
    private ulong ObjectAt(ulong address)
    {
        if (_objects.FindObject(address) is not { IsFreed: false, Allocated: { } allocated } found)
            return 0;
        var sum = found.Address;
        foreach (var frame in allocated.Frames)
            sum = (sum * 0x100000001B3) ^ frame;
        return sum;
    }

    private string Name(HeldLock one)
    {
        var what = one.Function.Kind switch
        {
            LockKind.Mutex => "mutex",
            LockKind.Spin => "spinlock",
            LockKind.Read or LockKind.Write => "rwlock",
            LockKind.Work => "work",
            LockKind.Queue => "workqueue",
            _ => "rw_semaphore",
        };
        return _objects.FindObject(one.Address) is { } found
            ? $"the {what} at {found.CacheName}+0x{one.Address - found.Address:x} ({one.Address:x16})"
            : $"the {what} {kernel.Symbolise(one.Address)}";
    }

    private void Report(string headline, string text, IReadOnlyList<string> details)
    {
        var task = kernel.PerCpu.Current;
        foreach (var line in (string[])[$"WARNING: {headline}", $"{Who(task)}: {text}", .. details, .. kernel.DumpStack()])
            kernel.Log.Write(WarningLevel, line);
        kernel.Faults.Note(new KernelWarning("lockdep", text, kernel.Tasks.Pid(task), []));
    }
}
