namespace Lkm.Modules;

/// <summary>Names the loops among modules that need each other, which no order of loading can satisfy.</summary>
internal static class DependencyCycles
{
    /// <summary>Adds a message for each loop that a search in depth meets, and then the number of modules that take part in any.</summary>
    public static void Report(IReadOnlyList<TreeModule> modules, DependencyGraph graph, List<DepmodMessage> messages)
    {
        var state = new byte[modules.Count]; // 0 not met, 1 on the path, 2 done
        var looping = 0;
        for (var module = modules.Count - 1; module >= 0; module--)
        {
            if (!graph.IsSorted(module) && state[module] == 0)
            {
                Search(module, modules, graph, state, messages);
            }
        }
        for (var module = 0; module < modules.Count; module++)
        {
            looping += graph.IsSorted(module) ? 0 : 1;
        }
        messages.Add(new(DepmodSeverity.Error, $"Found {looping} modules in dependency cycles!"));
    }

    private static void Search(int start, IReadOnlyList<TreeModule> modules, DependencyGraph graph, byte[] state, List<DepmodMessage> messages)
    {
        var path = new List<(int Module, int Next)> { (start, 0) };
        state[start] = 1;
        while (path.Count > 0)
        {
            var (module, next) = path[^1];
            var needs = graph.Needs(module);
            if (next == needs.Count)
            {
                state[module] = 2;
                path.RemoveAt(path.Count - 1);
                continue;
            }
            path[^1] = (module, next + 1);
            var need = needs[next];
            if (state[need] == 0 && !graph.IsSorted(need))
            {
                state[need] = 1;
                path.Add((need, 0));
            }
            else if (state[need] == 1)
            {
                var loop = path.SkipWhile(step => step.Module != need).Select(step => modules[step.Module].Name);
                messages.Add(new(DepmodSeverity.Error, $"Cycle detected: {string.Join(" -> ", loop)} -> {modules[need].Name}"));
            }
        }
    }
}
