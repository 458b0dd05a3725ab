using Lkm.Formats;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>modprobe -r: each module, and then what it needed and nothing else uses.</summary>
internal sealed class ModprobeRemover(ToolContext context, ModuleContext modules, ModprobeRequest request)
{
    private readonly bool _print = request.Report is null && context.Log.Level > LogLevel.Warning;
    private readonly HashSet<string> _removing = [];

    /// <summary>Removes the modules; without -a the first that fails is the end.</summary>
    public int Remove(IReadOnlyList<string> names)
    {
        var exitCode = 0;
        foreach (var name in names)
        {
            var found = modules.Lookup(name);
            if (found.Count == 0)
            {
                exitCode = Objection($"Module {name} not found.");
            }
            foreach (var module in found)
            {
                exitCode |= Remove(module, isAskedFor: true);
                if (exitCode != 0 && !request.All)
                {
                    return exitCode;
                }
            }
            if (exitCode != 0 && !request.All)
            {
                return exitCode;
            }
        }
        return exitCode;
    }

    private int Objection(string text)
    {
        if (request.All)
        {
            context.Log.Warning(text);
            return 1;
        }
        return context.Log.Fatal(text);
    }

    private int Remove(ModuleEntry module, bool isAskedFor)
    {
        if (!_removing.Add(module.Name))
        {
            return 0;
        }
        var command = request.IgnoreCommands && isAskedFor ? null : modules.RemoveCommandOf(module);
        var soft = request.IgnoreCommands && isAskedFor ? SoftDependencies.None : modules.SoftDependenciesOf(module);
        // A remove command may do anything: it is run whether or not the module is loaded.
        if (command is null && module.IsBuiltIn)
        {
            return isAskedFor ? Objection($"Module {module.Name} is builtin.") : 1;
        }
        if (command is null && context.Kernel.StateOf(module.Name) == ModuleState.Absent)
        {
            return request.FirstTime && isAskedFor ? Objection($"Module {module.Name} is not in kernel.") : 0;
        }
        RemoveUnused(soft.Post.Reverse());
        if (request.RemoveHolders)
        {
            foreach (var holder in context.Kernel.HoldersOf(module.Name))
            {
                if (Remove(modules.ByName(holder), isAskedFor) is not 0 and var failed)
                {
                    return failed;
                }
            }
        }
        if (request.WaitMilliseconds == 0 && command is null && context.Kernel.ReferenceCount(module.Name, out _) > 0)
        {
            return isAskedFor ? Objection($"Module {module.Name} is in use.") : 1;
        }
        if (command is null ? RemoveFromKernel(module) : RunCommand(module, command))
        {
            RemoveUnused(module.Dependencies.Reverse());
            RemoveUnused(soft.Pre.Reverse());
            return 0;
        }
        return 1;
    }

    /// <summary>Removes modules that nothing uses; it is no error if that fails.</summary>
    private void RemoveUnused(IEnumerable<ModuleEntry> unused)
    {
        foreach (var module in unused)
        {
            if (!module.IsBuiltIn && context.Kernel.ReferenceCount(module.Name, out _) == 0)
            {
                Remove(module, isAskedFor: false);
            }
        }
    }

    private bool RunCommand(ModuleEntry module, string command)
    {
        if (_print)
        {
            context.Output.WriteLine($"remove {command}");
        }
        if (request.DryRun)
        {
            request.Report?.Add("remove", module.Name, null, command, null);
            return true;
        }
        var status = context.RunCommand(command, module.Name);
        request.Report?.Add("remove", module.Name, null, command, status == 0 ? Errno.OK : Errno.EINVAL);
        if (status != 0)
        {
            context.Log.Error($"Error running remove command '{command}' for module {module.Name}: retcode {status}");
        }
        return status == 0;
    }

    private bool RemoveFromKernel(ModuleEntry module)
    {
        if (_print)
        {
            context.Output.WriteLine($"rmmod {module.Name}");
        }
        if (request.DryRun)
        {
            request.Report?.Add("rmmod", module.Name, null, null, null);
            return true;
        }
        var error = RemoveWithPatience(module.Name);
        request.Report?.Add("rmmod", module.Name, null, null, error);
        if (error != Errno.OK)
        {
            context.Log.Error($"could not remove '{module.Name}': {error.Message()}");
        }
        return error == Errno.OK;
    }

    /// <summary>Tries again while the module is in use, after pauses that double, until the time is up.</summary>
    private Errno RemoveWithPatience(string name)
    {
        var left = request.WaitMilliseconds;
        for (var pause = 1; ; pause *= 2)
        {
            var error = context.Kernel.Remove(name, request.RemoveFlags);
            if (error != Errno.EAGAIN || left <= 0)
            {
                return error;
            }
            pause = Math.Min(pause, left);
            Thread.Sleep(pause);
            left -= pause;
        }
    }
}
