namespace Lkm.Modules;

/// <summary>The modules to insert around a module if they are there.</summary>
public sealed class SoftDependencies
{
    internal SoftDependencies(List<ModuleEntry> pre, List<ModuleEntry> post) => (PreList, PostList) = (pre, post);

    /// <summary>Nothing to insert.</summary>
    public static SoftDependencies None { get; } = new([], []);

    /// <summary>Those to insert before the module, in order.</summary>
    public IReadOnlyList<ModuleEntry> Pre => PreList;

    /// <summary>Those to insert after it, in order.</summary>
    public IReadOnlyList<ModuleEntry> Post => PostList;

    internal List<ModuleEntry> PreList { get; }

    internal List<ModuleEntry> PostList { get; }

    internal bool IsEmpty => PreList.Count + PostList.Count == 0;
}
