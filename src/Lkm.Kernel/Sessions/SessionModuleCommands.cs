using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Kernel.Autoload;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Shell;
using Lkm.Modules;
using ModuleContext = Lkm.Modules.ModuleContext;

namespace Lkm.Kernel.Sessions;

/// <summary>The shell's module commands: files of the host and the kernel's module directory, loaded in the shell's own process.</summary>
internal sealed class SessionModuleCommands(UserModeKernel kernel, ModuleContext? modules) : IModuleCommands
{
    private readonly ModuleLoader _loader = kernel.Modules;
    private Autoclean? _autoclean;

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Insert(string file, string parameters, Action<LoadStep>? observer = null)
    {
        if (!FileContents.Read(file).TryGet(out var image, out var error))
            return new ModuleOutcome(error.Errno, NoSuchModule: true);
        var (task, started) = (kernel.Scheduler.Current, kernel.Clock.Nanoseconds);
        if (observer is not null)
            _loader.Observer += Observe;
        var result = await _loader.Load(image, parameters, ModuleLoadFlags.CompressedFile);
        _loader.Observer -= Observe;
        return Outcome(result);

        // What other tasks load meanwhile is no step of this.
        void Observe(ModuleLoadEvent step)
        {
            if (kernel.Scheduler.Current == task)
                observer!(new LoadStep(kernel.Clock.Nanoseconds - started, step));
        }
    }

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Remove(string name, bool force) =>
        Outcome(await _loader.Unload(name, force ? ModuleUnloadFlags.Force : default));

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Probe(string name, string parameters)
    {
        var plans = modules?.PlanRequest(name) ?? [];
        if (plans.Count == 0)
            return new ModuleOutcome(Errno.ENOENT, $"Module {name} not found{(modules is null ? "" : $" in directory {modules.Directory.Path}")}", NoSuchModule: true);
        foreach (var plan in plans)
        {
            for (var i = 0; i < plan.Count; i++)
            {
                _autoclean?.Keep(plan[i].Module.Name);
                var outcome = await Insert(plan[i], i == plan.Count - 1 ? parameters : "");
                if (outcome.Error != Errno.OK && plan[i].IsRequired)
                    return outcome;
            }
        }

        return default;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> DescribeProbe(string name, string parameters)
    {
        var steps = new List<string>();
        foreach (var plan in modules?.PlanRequest(name) ?? [])
        {
            foreach (var step in plan)
            {
                var module = step.Module;
                var asked = ReferenceEquals(step, plan[^1]) ? parameters : "";
                steps.Add(module.IsBuiltIn ? $"builtin {module.Name}" : $"insmod {module.Path} {$"{step.Options} {asked}".Trim()}");
            }
        }

        return steps;
    }

    /// <summary>From now on, takes modules out that request_module() has loaded and nobody has used for a while.</summary>
    public void StartAutoclean(int idleSeconds)
    {
        _autoclean = new Autoclean(kernel, idleSeconds, async (name, mayGo) => (await RemoveWithUnused(name, mayGo)).Error == Errno.OK);
        _autoclean.Start();
    }

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> ProbeRemove(string name)
    {
        var found = modules?.Lookup(name) ?? [];
        if (found.Count == 0 && _loader.Modules.Find(ModuleName.Normalize(name)) is null)
            return new ModuleOutcome(Errno.ENOENT, $"Module {name} not found.", NoSuchModule: true);
        foreach (var loaded in found.Count == 0 ? [ModuleName.Normalize(name)] : found.Select(entry => entry.Name))
        {
            if (_loader.Modules.Find(loaded) is not null && await RemoveWithUnused(loaded) is { Error: not Errno.OK } outcome)
                return outcome; // a module that is not there has nothing to refuse: to modprobe that is success
        }

        return default;
    }

    /// <inheritdoc/>
    public IReadOnlyList<ModuleField>? Describe(string nameOrFile)
    {
        var path = nameOrFile.Contains('/') ? nameOrFile : modules?.ByName(nameOrFile).Path;
        if (path is null || !ModuleFile.Read(path).TryGet(out var file, out _))
            return null;
        var fields = new List<ModuleField> { new("filename", path) };
        foreach (var entry in file.Info.Entries)
        {
            if (entry.Key is not ("parm" or "parmtype"))
                fields.Add(new ModuleField(entry.Key, entry.Value));
        }

        fields.AddRange(Parameters(file.Info));
        return fields;
    }

    /// <inheritdoc/>
    public IEnumerable<SymbolExport> Exports()
    {
        foreach (var symbol in _loader.Symbols.All)
        {
            yield return new SymbolExport(
                _loader.Symbols.NameOf(symbol), symbol.Value, symbol.Owner == 0 ? null : _loader.Modules.At(symbol.Owner).Name, symbol.GplOnly,
                _loader.Symbols.NamespaceOf(symbol), _loader.Symbols.CrcOf(symbol));
        }
    }

    /// <summary>
    /// request_module(): what modprobe would insert, in the context of the task that asks. The result is modprobe's, as wait(2) gives it.
    /// </summary>
    internal async GuestTask<int> Request(string nameOrAlias)
    {
        const int modprobeFailed = 1 << 8;
        var result = modprobeFailed;
        foreach (var plan in modules?.PlanRequest(nameOrAlias) ?? [])
        {
            var failed = false;
            foreach (var step in plan)
            {
                var isNew = _loader.Modules.Find(step.Module.Name) is null;
                var succeeded = (await Insert(step, "")).Error == Errno.OK;
                if (succeeded && isNew)
                    _autoclean?.Add(step.Module.Name);
                failed = !succeeded && step.IsRequired;
                if (failed)
                    break; // what needs it is not even tried
            }

            if (!failed)
                result = 0;
        }

        return result;
    }

    /// <summary>Inserts one module of a plan, unless it is there.</summary>
    internal async GuestTask<ModuleOutcome> Insert(InsertStep step, string parameters)
    {
        if (step.Module.IsBuiltIn || _loader.Modules.Find(step.Module.Name) is { State: ModuleState.Live })
            return default;
        if (step.Mask is not null)
            return new ModuleOutcome(Errno.EPERM, $"{step.Module.Name} is masked");
        if (step.Module.Path is not { } path)
            return new ModuleOutcome(Errno.ENOENT, $"{step.Module.Name} has no file");
        var outcome = await Insert(path, $"{step.Options} {parameters}".Trim());
        return outcome.Error == Errno.EEXIST ? default : outcome;
    }

    /// <summary>Unloads a module, then those of its dependencies that nobody uses any more.</summary>
    private GuestTask<ModuleOutcome> RemoveWithUnused(string name) => RemoveWithUnused(name, _ => true);

    /// <summary>Unloads a module, then those of its dependencies that nobody uses any more and that may go.</summary>
    private async GuestTask<ModuleOutcome> RemoveWithUnused(string name, Func<string, bool> mayGo)
    {
        var outcome = await Remove(name, force: false);
        if (outcome.Error != Errno.OK || modules is null)
            return outcome;
        var plan = modules.PlanInsert(modules.ByName(name));
        for (var i = plan.Count - 1; i >= 0; i--)
        {
            var needed = plan[i].Module.Name;
            if (mayGo(needed) && _loader.Modules.Find(needed) is { ReferenceCount: 0 })
                await Remove(needed, force: false);
        }

        return default;
    }

    /// <summary>"name:description (type)" of each parameter, the last one first, as kmod's modinfo has them.</summary>
    private static IEnumerable<ModuleField> Parameters(ModuleInfo info)
    {
        var parameters = new List<(string Name, string? Description, string? Type)>();
        foreach (var entry in info.Entries)
        {
            if (entry.Key is not ("parm" or "parmtype") || entry.Value.IndexOf(':') is not (>= 0 and var colon))
                continue;
            var (name, text) = (entry.Value[..colon], entry.Value[(colon + 1)..]);
            var at = parameters.FindIndex(parameter => parameter.Name == name);
            var known = at < 0 ? (Name: name, Description: null, Type: null) : parameters[at];
            known = entry.Key == "parm" ? known with { Description = text } : known with { Type = text };
            if (at < 0)
                parameters.Add(known);
            else
                parameters[at] = known;
        }

        for (var i = parameters.Count - 1; i >= 0; i--)
        {
            var (name, description, type) = parameters[i];
            yield return new ModuleField("parm", name + ":" + (description is null ? type : type is null ? description : $"{description} ({type})"));
        }
    }

    /// <summary>What is to be restarted after a signal (ERESTARTSYS, include/linux/errno.h) shows as EINTR outside of the kernel.</summary>
    private static ModuleOutcome Outcome(ModuleLoadResult result) =>
        new((int)result.Errno == 512 ? Errno.EINTR : result.Errno, result.Succeeded ? null : result.Explanation);
}
