namespace Lkm.Modules;

/// <summary>
/// Answers what modprobe has to know: which modules a name or alias means, what to load before and after them, and with which options. It only reads
/// the indexes of a <see cref="ModuleDirectory"/> and a <see cref="ModprobeConfiguration"/>; no kernel is asked, nothing is loaded.
/// </summary>
/// <remarks>Not safe for several threads at once: entries and indexes are read on first use.</remarks>
public sealed class ModuleContext
{
    private readonly ModuleEntryTable _entries = new();

    /// <summary>A context over a directory and a configuration.</summary>
    /// <param name="directory">The modules of one kernel version.</param>
    /// <param name="configuration">What the user configured.</param>
    /// <param name="rules">Whose behaviour to follow; <see cref="ResolutionRules.Lkm"/> if null.</param>
    public ModuleContext(ModuleDirectory directory, ModprobeConfiguration configuration, ResolutionRules? rules = null)
    {
        Directory = directory;
        Configuration = configuration;
        Rules = rules ?? ResolutionRules.Lkm;
    }

    /// <summary>The modules of one kernel version.</summary>
    public ModuleDirectory Directory { get; }

    /// <summary>What the user configured.</summary>
    public ModprobeConfiguration Configuration { get; }

    /// <summary>Whose behaviour is followed.</summary>
    public ResolutionRules Rules { get; }

    /// <summary>
    /// The modules that a name or alias means, in order. The first source that knows it decides: alias commands, the module of that name, exported
    /// symbols (<c>symbol:NAME</c>), install and remove commands, aliases of modules, modules in the kernel, aliases of those.
    /// </summary>
    /// <returns>Nothing if no source knows it, or if it is an alias with unpaired brackets.</returns>
    public IReadOnlyList<ModuleEntry> Lookup(string nameOrAlias)
    {
        if (ModuleName.NormalizeAlias(nameOrAlias) is not { } alias)
        {
            return new List<ModuleEntry>();
        }
        var found = FromConfiguration(alias);
        if (found.Count > 0)
        {
            return found;
        }
        if (Directory.DependencyLine(alias) is not null)
        {
            return new List<ModuleEntry> { Entry(alias, null) };
        }
        if (alias.StartsWith("symbol:", StringComparison.Ordinal) && FromIndex(ModuleIndexKind.Symbols, alias) is { Count: > 0 } exporters)
        {
            return exporters;
        }
        if (FromCommands(alias) is { } commanded)
        {
            return new List<ModuleEntry> { commanded };
        }
        if (FromIndex(ModuleIndexKind.Aliases, alias) is { Count: > 0 } aliased)
        {
            return aliased;
        }
        if (Directory.IsBuiltIn(alias))
        {
            return new List<ModuleEntry> { Entry(alias, null) };
        }
        var builtIn = FromIndex(ModuleIndexKind.BuiltInAliases, alias);
        for (var i = 0; i < builtIn.Count; i++)
        {
            builtIn[i].SetBuiltIn();
        }
        return builtIn;
    }

    /// <summary>The module of exactly this name, whether or not anything knows it.</summary>
    public ModuleEntry ByName(string name) => Entry(ModuleName.Normalize(name), null);

    /// <summary>The module in a file; what it needs is looked up by its name.</summary>
    public ModuleEntry ByPath(string path)
    {
        var entry = Entry(ModuleName.FromPath(path), null);
        entry.ReplacePath(path);
        return entry;
    }

    /// <summary>Whether a <c>blacklist</c> command names the module.</summary>
    public bool IsBlacklisted(ModuleEntry module)
    {
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is BlacklistCommand blacklist && blacklist.Module == module.Name)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The mask that forbids the module, or null.</summary>
    public MaskCommand? MaskOf(ModuleEntry module)
    {
        if (Rules.ObeyMasks)
        {
            for (var i = 0; i < Configuration.CommandList.Count; i++)
            {
                if (Configuration.CommandList[i] is MaskCommand mask && Wildcard.IsMatch(mask.Pattern, module.Name))
                {
                    return mask;
                }
            }
        }
        return null;
    }

    /// <summary>The module's parameters by the configuration: every line for its name or the alias it was found by, joined by spaces.</summary>
    public string OptionsOf(ModuleEntry module)
    {
        string? options = null;
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is OptionsCommand line && (line.Module == module.Name || line.Module == module.Alias))
            {
                options = options is null ? line.Options : $"{options} {line.Options}";
            }
        }
        return options ?? "";
    }

    /// <summary>The command that replaces inserting the module, or null.</summary>
    public string? InstallCommandOf(ModuleEntry module)
    {
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is InstallCommand install && Wildcard.IsMatch(install.Pattern, module.Name))
            {
                return install.Command;
            }
        }
        return null;
    }

    /// <summary>The command that replaces removing the module, or null.</summary>
    public string? RemoveCommandOf(ModuleEntry module)
    {
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is RemoveCommand remove && Wildcard.IsMatch(remove.Pattern, module.Name))
            {
                return remove.Command;
            }
        }
        return null;
    }

    /// <summary>The modules to insert before and after the module if they are there, each resolved as <see cref="Lookup"/> does.</summary>
    public SoftDependencies SoftDependenciesOf(ModuleEntry module)
    {
        SoftDependencies? found = null;
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is SoftDependencyCommand soft && Wildcard.IsMatch(soft.Pattern, module.Name))
            {
                found ??= new(new List<ModuleEntry>(), new List<ModuleEntry>());
                AddLookups(soft.Pre, found.PreList);
                AddLookups(soft.Post, found.PostList);
                if (!Rules.EverySoftDependencyLineCounts)
                {
                    break;
                }
            }
        }
        return found ?? SoftDependencies.None;
    }

    /// <summary>The modules that the module may ask for later, each resolved as <see cref="Lookup"/> does.</summary>
    public IReadOnlyList<ModuleEntry> WeakDependenciesOf(ModuleEntry module)
    {
        List<ModuleEntry> weak = [];
        foreach (var command in Configuration.WeakDependencies)
        {
            if (Wildcard.IsMatch(command.Pattern, module.Name))
            {
                AddLookups(command.Modules, weak);
                if (!Rules.EverySoftDependencyLineCounts)
                {
                    break;
                }
            }
        }
        return weak;
    }

    /// <summary>
    /// The steps that insert a module: for each dependency its soft dependencies before it, it, and those after it; then the same for the module.
    /// What is loaded already is not known here: who carries out the steps passes over those.
    /// </summary>
    /// <param name="module">The module to insert.</param>
    /// <param name="ignoreCommands">Whether to insert the module's own file: no install command and no soft dependencies for it. Those of other modules stay.</param>
    public IReadOnlyList<InsertStep> PlanInsert(ModuleEntry module, bool ignoreCommands = false) =>
        new InsertPlanner(this).Plan(module, ignoreCommands);

    /// <summary>
    /// The steps for a request by the kernel (<c>request_module()</c>, which calls <c>modprobe -q -- ALIAS</c>): for each module that the alias means and
    /// that is not blacklisted, <see cref="PlanInsert"/>.
    /// </summary>
    /// <returns>One plan for each module; empty if nothing knows the alias, or all is blacklisted.</returns>
    public IReadOnlyList<IReadOnlyList<InsertStep>> PlanRequest(string nameOrAlias)
    {
        var plans = new List<IReadOnlyList<InsertStep>>();
        foreach (var module in Lookup(nameOrAlias))
        {
            if (module.Alias is null || !IsBlacklisted(module))
            {
                plans.Add(PlanInsert(module));
            }
        }
        return plans;
    }

    internal ModuleEntry Entry(string name, string? alias) => _entries.Find(name, alias) ?? _entries.Add(new(this, name, alias));

    private List<ModuleEntry> FromConfiguration(string alias)
    {
        var found = new List<ModuleEntry>();
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is AliasCommand meant && Wildcard.IsMatch(meant.Pattern, alias))
            {
                found.Add(Entry(meant.Module, meant.Pattern));
            }
        }
        return found;
    }

    private List<ModuleEntry> FromIndex(ModuleIndexKind kind, string alias)
    {
        var found = new List<ModuleEntry>();
        if (Directory.Index(kind) is { } index)
        {
            var values = index.FindMatching(alias);
            for (var i = 0; i < values.Count; i++)
            {
                found.Add(Entry(values[i].Text, alias));
            }
        }
        return found;
    }

    private ModuleEntry? FromCommands(string name)
    {
        for (var i = 0; i < Configuration.CommandList.Count; i++)
        {
            if (Configuration.CommandList[i] is ShellCommand shell && shell.Pattern == name)
            {
                return Entry(name, null);
            }
        }
        return null;
    }

    private void AddLookups(IReadOnlyList<string> names, List<ModuleEntry> modules)
    {
        for (var i = 0; i < names.Count; i++)
        {
            modules.AddRange(Lookup(names[i]));
        }
    }
}
