using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Running;

/// <summary>A module to load.</summary>
/// <param name="Name">As the kernel spells it.</param>
/// <param name="Path">The file.</param>
/// <param name="Parameters">Separated by spaces.</param>
/// <param name="IsAsked">Whether the user named it, not only something that needs it.</param>
/// <param name="IsRequired">Whether its failure is the failure of the whole; false for soft dependencies.</param>
internal sealed record PlannedModule(string Name, string Path, string Parameters, bool IsAsked, bool IsRequired)
{
    /// <summary>Whether it is loaded as modprobe loads the kernel's modules, to which one that is there already is as good; otherwise as insmod does.</summary>
    public bool IsProbed { get; init; }
}

/// <summary>Which modules are loaded, in which order: those asked for, each after what it depends on.</summary>
/// <remarks>
/// The dependencies of a file are looked for beside it first, as modules that were built together lie together, then among the modules of
/// the kernel, with modprobe's resolution (dependencies and soft dependencies).
/// </remarks>
internal sealed class RunPlan
{
    private readonly KernelSource _kernel;
    private readonly List<PlannedModule> _modules = [];
    private readonly HashSet<string> _names = [];
    private ModuleContext? _context;

    private RunPlan(KernelSource kernel) => _kernel = kernel;

    /// <summary>Makes the plan.</summary>
    /// <param name="kernel">Whose modules serve.</param>
    /// <param name="modules">Paths of .ko files, or names of the kernel's modules; the parameters are the last one's.</param>
    /// <param name="parameters">Separated by spaces.</param>
    public static Outcome<IReadOnlyList<PlannedModule>> Make(KernelSource kernel, IReadOnlyList<string> modules, string parameters)
    {
        var plan = new RunPlan(kernel);
        for (int i = 0; i < modules.Count; i++)
        {
            string own = i == modules.Count - 1 ? parameters : "";
            string? error = IsPath(modules[i]) ? plan.AddFile(modules[i], own, isAsked: true) : plan.AddName(modules[i], own, isAsked: true);
            if (error is not null)
                return Outcome<IReadOnlyList<PlannedModule>>.Failure(error);
        }
        return Outcome<IReadOnlyList<PlannedModule>>.Success(plan._modules);
    }

    /// <summary>Whether a word names a file rather than a module.</summary>
    public static bool IsPath(string module) => IsSpelledAsPath(module) || File.Exists(module) || Directory.Exists(module);

    /// <summary>Whether a word can only be a file's name, whatever lies in the current folder.</summary>
    public static bool IsSpelledAsPath(string module) => module.Contains('/') || module.Contains(".ko", StringComparison.Ordinal);

    private string? AddFile(string path, string parameters, bool isAsked)
    {
        // A file that cannot be read as a module is for the kernel to refuse, with the errno that Linux gives.
        ModuleFile? file = HostProcess.ReadFile(path, out _) is { } bytes && ModuleFile.Parse(bytes, path).TryGet(out ModuleFile? read, out _) ? read : null;
        ModuleInfo? info = file?.Info;
        string name = file?.Name ?? ModuleName.Normalize(Path.GetFileName(path).Split('.')[0]);
        if (!_names.Add(name))
            return null;
        foreach (string needed in (info?["depends"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string? error = Beside(path, needed) is { } sibling
                ? AddFile(sibling, "", isAsked: false)
                : AddName(needed, "", isAsked: false);
            if (error is not null)
                return $"{path}: {error}";
        }
        _modules.Add(new PlannedModule(name, path, parameters, isAsked, IsRequired: true));
        return null;
    }

    private string? AddName(string name, string parameters, bool isAsked)
    {
        if (_kernel.ModulesDirectory is not { } directory)
            return $"{name}: {_kernel.Version} came without modules; name a file";
        // The kernel's own soft dependencies, and nothing of this machine's configuration: a run is the same everywhere.
        _context ??= new ModuleContext(ModuleDirectory.Open(directory), ModprobeConfiguration.Load(new ConfigurationSources { ModuleDirectory = directory }));
        IReadOnlyList<ModuleEntry> found = _context.Lookup(name);
        if (found.Count == 0 || found.All(entry => entry.Path is null))
            return found.Any(entry => entry.IsBuiltIn) ? BuiltIn(name, isAsked) : $"{name}: no such module in {directory}";
        foreach (ModuleEntry entry in found)
        {
            foreach (InsertStep step in _context.PlanInsert(entry))
            {
                if (step.Module.Path is not { } path || !_names.Add(step.Module.Name))
                    continue;
                bool asked = isAsked && step.Module.Name == entry.Name;
                string options = asked ? $"{step.Options} {parameters}".Trim() : step.Options;
                _modules.Add(new PlannedModule(step.Module.Name, path, options, asked, step.IsRequired) { IsProbed = true });
            }
        }
        return null;
    }

    /// <summary>A dependency that is built in is there already; a module asked for cannot be run.</summary>
    private string? BuiltIn(string name, bool isAsked) => isAsked ? $"{name}: is built into {_kernel.Version}" : null;

    private static string? Beside(string path, string needed)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string spelling in (ReadOnlySpan<string>)[needed, needed.Replace('_', '-')])
        {
            foreach (string extension in (ReadOnlySpan<string>)[".ko", ".ko.xz", ".ko.zst", ".ko.gz"])
            {
                string candidate = Path.Combine(folder, spelling + extension);
                if (File.Exists(candidate))
                    return candidate;
            }
        }
        return null;
    }
}
