namespace Lkm.Modules;

/// <summary>
/// A module that a <see cref="ModuleContext"/> knows, under the name or alias that it was asked for by. Within one context, the same
/// name and alias give the same object.
/// </summary>
public sealed class ModuleEntry
{
    private readonly ModuleContext _context;
    private List<ModuleEntry>? _dependencies;
    private string? _path;
    private bool _resolved;

    internal ModuleEntry(ModuleContext context, string name, string? alias)
    {
        _context = context;
        Name = name;
        Alias = alias;
    }

    /// <summary>The module's normalised name.</summary>
    public string Name { get; }

    /// <summary>The alias that led to it: the one asked for, or the pattern of an <c>alias</c> command. Null if it was found by its own name.</summary>
    public string? Alias { get; }

    /// <summary>The module's file; null if it is part of the kernel or in no index.</summary>
    public string? Path
    {
        get
        {
            if (_path is null)
            {
                Resolve();
            }
            return _path;
        }
    }

    /// <summary>Whether the module is part of the kernel, by the directory's index.</summary>
    public bool IsBuiltIn => _isBuiltIn ??= _context.Directory.IsBuiltIn(Name);

    private bool? _isBuiltIn;

    /// <summary>The path of the directory whose indexes are asked about it.</summary>
    public string DirectoryPath => _context.Directory.Path;

    /// <summary>The modules that must be loaded before it, all of them, in the order of loading.</summary>
    public IReadOnlyList<ModuleEntry> Dependencies => DependencyList;

    internal List<ModuleEntry> DependencyList
    {
        get
        {
            Resolve();
            return _dependencies!;
        }
    }

    /// <summary>The next entry in the same chain of <see cref="ModuleEntryTable"/>.</summary>
    internal ModuleEntry? NextInTable { get; set; }

    /// <summary>The plan that last visited the module.</summary>
    internal InsertPlanner? VisitedBy { get; set; }

    /// <summary>The plan that last could not do without the module.</summary>
    internal InsertPlanner? RequiredBy { get; set; }

    /// <summary>The name, and the alias if there is one.</summary>
    public override string ToString() => Alias is null ? Name : $"{Name} ({Alias})";

    internal void SetPath(string path) => _path ??= path;

    internal void ReplacePath(string path) => (_path, _resolved) = (path, false);

    internal void SetBuiltIn() => _isBuiltIn = true;

    /// <summary>Takes file and dependencies from the module's line in the index: the nearest dependency stands first there, so it is read backwards.</summary>
    private void Resolve()
    {
        if (_resolved)
        {
            return;
        }
        _resolved = true;
        var dependencies = new List<ModuleEntry>();
        _dependencies = dependencies;
        if (_context.Directory.DependencyLine(Name) is not { } line || ShortText.IndexOf(line, ':') is not (>= 0 and var colon))
        {
            return;
        }
        _path ??= _context.Directory.PathOf(line[..colon]);
        var files = line.AsSpan(colon + 1);
        while (ConfigurationLines.TakeWord(ref files) is { IsEmpty: false } file)
        {
            var dependency = _context.Entry(ModuleName.FromPath(file), null);
            dependency.SetPath(_context.Directory.PathOf(file.ToString()));
            dependencies.Add(dependency);
        }
        dependencies.Reverse();
    }
}
