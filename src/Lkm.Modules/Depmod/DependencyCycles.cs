namespace Lkm.Modules;

/// <summary>Names the loops among modules that need each other, which no order of loading can satisfy.</summary>
internal sealed class DependencyCycles(IReadOnlyList<TreeModule> modules, DependencyGraph graph, List<DepmodMessage> messages)
{
    /// <summary>A tree can be made in which paths are without number: beyond this many steps from one module, the loops that were found have to do.</summary>
    private const int MostSteps = 1 << 16;

    private readonly bool[] _isInLoop = new bool[modules.Count];

    /// <summary>Modules to begin with: a ring, and the first is next.</summary>
    private readonly List<int> _roots = [];

    /// <summary>A module on the way from the one where the search began.</summary>
    private sealed record Step(int Module, Step? Before);

    /// <summary>Adds a message for each loop, and then the number of modules that take part in any.</summary>
    /// <remarks>As kmod does it: of each module that no loop yet names, in order, all loops that lead through that module.</remarks>
    public static void Report(IReadOnlyList<TreeModule> modules, DependencyGraph graph, List<DepmodMessage> messages)
    {
        var cycles = new DependencyCycles(modules, graph, messages);
        for (var module = 0; module < modules.Count; module++)
        {
            if (!graph.IsSorted(module))
            {
                cycles._roots.Add(module);
            }
        }
        while (cycles._roots.Count > 0)
        {
            var root = cycles._roots[0];
            cycles.TakeOut(root);
            cycles.Search(root);
        }
        messages.Add(new(DepmodSeverity.Error, $"Found {cycles._isInLoop.Count(static isInLoop => isInLoop)} modules in dependency cycles!"));
    }

    /// <summary>Takes a module out of the ring, which goes on with the one behind it.</summary>
    private void TakeOut(int module)
    {
        var place = _roots.IndexOf(module);
        if (place >= 0)
        {
            var before = _roots[..place];
            _roots.RemoveRange(0, place + 1);
            _roots.AddRange(before);
        }
    }

    private void Search(int root)
    {
        var stack = new Stack<Step>();
        stack.Push(new(root, null));
        for (var steps = 0; stack.TryPop(out var step) && steps < MostSteps; steps++)
        {
            if (step.Before is not null && step.Module == root)
            {
                Report(step);
            }
            else if (!IsOnTheWay(step))
            {
                foreach (var need in graph.Needs(step.Module))
                {
                    stack.Push(new(need, step));
                }
            }
        }
    }

    /// <summary>Whether the way has led to this module before: a loop, but not through where the search began.</summary>
    private static bool IsOnTheWay(Step step)
    {
        for (var before = step.Before; before is not null; before = before.Before)
        {
            if (before.Module == step.Module)
            {
                return true;
            }
        }
        return false;
    }

    private void Report(Step end)
    {
        var text = modules[end.Module].Name;
        for (var step = end.Before; step is not null; step = step.Before)
        {
            text = $"{modules[step.Module].Name} -> {text}";
            _isInLoop[step.Module] = true;
            TakeOut(step.Module);
        }
        messages.Add(new(DepmodSeverity.Error, $"Cycle detected: {text}"));
    }
}
