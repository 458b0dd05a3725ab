namespace Lkm.Modules;

/// <summary>What depmod found out about a tree of modules; <see cref="DepmodFiles"/> turns it into index files.</summary>
public sealed class DepmodResult
{
    internal DepmodResult(string directory, IReadOnlyList<TreeModule> modules, IReadOnlyList<ModuleSummary> summaries, DependencyGraph graph, IReadOnlyList<ExportedBy> symbols)
    {
        Directory = directory;
        Modules = modules;
        Summaries = summaries;
        Graph = graph;
        Symbols = symbols;
    }

    /// <summary>The module directory.</summary>
    public string Directory { get; }

    /// <summary>All modules, in the order of priority.</summary>
    public IReadOnlyList<TreeModule> Modules { get; }

    /// <summary>What was read of each of <see cref="Modules"/>.</summary>
    public IReadOnlyList<ModuleSummary> Summaries { get; }

    /// <summary>Exported symbols and the index of the module that they come from, in the order of kmod's <c>modules.symbols</c>.</summary>
    public IReadOnlyList<ExportedBy> Symbols { get; }

    internal DependencyGraph Graph { get; }

    /// <summary>The modules that one needs, by their index, nearest first: the last is to be loaded first.</summary>
    public IReadOnlyList<int> DependenciesOf(int module) => Graph.AllNeeds(module);
}
