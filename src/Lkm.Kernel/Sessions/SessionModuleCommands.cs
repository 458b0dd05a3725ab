using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Shell;
using Lkm.Modules;
using ModuleContext = Lkm.Modules.ModuleContext;

namespace Lkm.Kernel.Sessions;

/// <summary>The shell's module commands: files of the host and the kernel's module directory, loaded in the shell's own process.</summary>
internal sealed class SessionModuleCommands(ModuleLoader loader, ModuleContext? modules) : IModuleCommands
{
    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Insert(string file, string parameters)
    {
        if (!FileContents.Read(file).TryGet(out var image, out var error))
            return new ModuleOutcome(error.Errno, error.Reason);
        return Outcome(await loader.Load(image, parameters, ModuleLoadFlags.CompressedFile));
    }

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Remove(string name, bool force) =>
        Outcome(await loader.Unload(name, force ? ModuleUnloadFlags.Force : default));

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> Probe(string name, string parameters)
    {
        var plans = modules?.PlanRequest(name) ?? [];
        if (plans.Count == 0)
            return new ModuleOutcome(Errno.ENOENT, $"no module answers to {name}", NoSuchModule: true);
        foreach (var plan in plans)
        {
            for (var i = 0; i < plan.Count; i++)
            {
                var outcome = await Insert(plan[i], i == plan.Count - 1 ? parameters : "");
                if (outcome.Error != Errno.OK && plan[i].IsRequired)
                    return outcome;
            }
        }

        return default;
    }

    /// <inheritdoc/>
    public async GuestTask<ModuleOutcome> ProbeRemove(string name)
    {
        var outcome = await Remove(name, force: false);
        if (outcome.Error != Errno.OK || modules is null)
            return outcome;
        var plan = modules.PlanInsert(modules.ByName(name));
        for (var i = plan.Count - 1; i >= 0; i--)
        {
            if (loader.Modules.Find(plan[i].Module.Name) is { ReferenceCount: 0 })
                await Remove(plan[i].Module.Name, force: false);
        }

        return default;
    }

    /// <inheritdoc/>
    public IReadOnlyList<ModuleField>? Describe(string nameOrFile)
    {
        var path = nameOrFile.Contains('/') ? nameOrFile : modules?.ByName(nameOrFile).Path;
        if (path is null || !ModuleFile.Read(path).TryGet(out var file, out _))
            return null;
        return [new ModuleField("filename", path), .. file.Info.Entries.Select(e => new ModuleField(e.Key, e.Value))];
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
                failed |= (await Insert(step, "")).Error != Errno.OK && step.IsRequired;
            if (!failed)
                result = 0;
        }

        return result;
    }

    /// <summary>Inserts one module of a plan, unless it is there.</summary>
    internal async GuestTask<ModuleOutcome> Insert(InsertStep step, string parameters)
    {
        if (step.Module.IsBuiltIn || loader.Modules.Find(step.Module.Name) is { State: ModuleState.Live })
            return default;
        if (step.Mask is not null)
            return new ModuleOutcome(Errno.EPERM, $"{step.Module.Name} is masked");
        if (step.Module.Path is not { } path)
            return new ModuleOutcome(Errno.ENOENT, $"{step.Module.Name} has no file");
        var outcome = await Insert(path, $"{step.Options} {parameters}".Trim());
        return outcome.Error == Errno.EEXIST ? default : outcome;
    }

    private static ModuleOutcome Outcome(ModuleLoadResult result) =>
        new(result.Errno, result.Succeeded ? null : result.Explanation);
}
