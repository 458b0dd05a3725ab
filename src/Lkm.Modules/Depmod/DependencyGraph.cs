using System.Text;
using Lkm.Formats;

namespace Lkm.Modules;

/// <summary>Which module needs which, found by their symbols, and the order that follows.</summary>
internal sealed class DependencyGraph
{
    private readonly int[][] _needs;
    private readonly int[] _users;
    private readonly int[] _place;
    private readonly int[] _visited;
    private readonly Comparison<int> _byPlace;
    private int _visit;

    private DependencyGraph(int[][] needs, int[] users)
    {
        _needs = needs;
        _users = users;
        _place = new int[needs.Length];
        _visited = new int[needs.Length];
        _byPlace = (a, b) => _place[a].CompareTo(_place[b]);
    }

    /// <summary>The modules whose symbols a module uses, in the order in which it names them.</summary>
    public IReadOnlyList<int> Needs(int module) => _needs[module];

    /// <summary>How many modules are in no loop of dependencies, nor needed by one; all of them, if there are no loops.</summary>
    public int SortedCount { get; private set; }

    /// <summary>Connects modules by symbols; of two modules that export the same symbol the last one counts.</summary>
    public static DependencyGraph Build(IReadOnlyList<ModuleSummary> modules, SymbolOwners owners)
    {
        var needs = new int[modules.Count][];
        var users = new int[modules.Count];
        var seen = new int[modules.Count];
        for (var module = 0; module < modules.Count; module++)
        {
            needs[module] = Resolve(modules[module].ImportNames, owners, seen, module + 1);
        }
        foreach (var need in needs)
        {
            foreach (var module in need)
            {
                users[module]++;
            }
        }
        var graph = new DependencyGraph(needs, users);
        graph.Sort();
        return graph;
    }

    /// <summary>Everything that must be loaded for a module, the nearest first: the last of them is to be loaded first.</summary>
    public List<int> AllNeeds(int module)
    {
        var all = new List<int>(_needs[module]);
        _visit++;
        foreach (var need in all)
        {
            _visited[need] = _visit;
        }
        for (var i = 0; i < all.Count; i++)
        {
            foreach (var next in _needs[all[i]])
            {
                if (_visited[next] != _visit)
                {
                    _visited[next] = _visit;
                    all.Add(next);
                }
            }
        }
        all.Sort(_byPlace);
        return all;
    }

    /// <summary>Whether a module took part in the order, that is, neither is in a loop nor needed by one.</summary>
    public bool IsSorted(int module) => _users[module] == 0;

    private static int[] Resolve(ReadOnlySpan<byte> names, SymbolOwners owners, int[] seen, int mark)
    {
        var needs = new List<int>();
        while (!names.IsEmpty)
        {
            var name = CString.Span(names);
            names = names[(name.Length + 1)..];
            if (owners.Find(name) is >= 0 and var owner && seen[owner] != mark)
            {
                seen[owner] = mark;
                needs.Add(owner);
            }
        }
        return [.. needs];
    }

    /// <summary>Places users before what they use; a stack of modules without users left decides among those that could come next.</summary>
    private void Sort()
    {
        var free = new int[_needs.Length];
        var count = 0;
        for (var i = 0; i < _needs.Length; i++)
        {
            if (_users[i] == 0)
            {
                free[count++] = i;
            }
        }
        while (count > 0)
        {
            var module = free[--count];
            _place[module] = SortedCount++;
            foreach (var need in _needs[module])
            {
                if (--_users[need] == 0)
                {
                    free[count++] = need;
                }
            }
        }
        if (SortedCount < _needs.Length)
        {
            return; // a report of loops follows the lists as they are
        }
        // Nearest first within each module's own list, too: it is what messages follow.
        foreach (var needs in _needs)
        {
            Array.Sort(needs, _byPlace);
        }
    }
}
