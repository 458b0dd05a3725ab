using Lkm.Formats;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>modprobe's insertion: each module with what it needs.</summary>
internal sealed class ModprobeInserter(ToolContext context, ModuleContext modules, ModprobeRequest request)
{
    private readonly bool _print = request.Report is null && (request.ShowDependencies || context.Log.Level > LogLevel.Warning);
    private string? _failure;

    /// <summary>Inserts the module that the first operand names, with the others as its parameters; or all of them.</summary>
    public int Insert(List<string> operands)
    {
        if (!request.All)
        {
            return Insert(operands[0], JoinParameters(operands));
        }
        var exitCode = 0;
        foreach (var name in operands)
        {
            exitCode |= Insert(name, "");
        }
        return exitCode;
    }

    /// <summary>Parameters joined by spaces; a value with a space in it gets the quotes that the shell took away.</summary>
    internal static string JoinParameters(List<string> operands)
    {
        string? parameters = null;
        for (var i = 1; i < operands.Count; i++)
        {
            var parameter = Quote(operands[i]);
            parameters = parameters is null ? parameter : $"{parameters} {parameter}";
        }
        return parameters ?? "";
    }

    private static string Quote(string operand)
    {
        var equals = operand.IndexOf('=');
        return equals >= 0 && operand.IndexOf(' ', equals) >= 0 && !operand.Contains('"')
            ? $"{operand[..(equals + 1)]}\"{operand[(equals + 1)..]}\""
            : operand;
    }

    private int Insert(string name, string parameters)
    {
        if (name is ['/', ..] or ['.', '/', ..])
        {
            return HostFiles.Exists(name)
                ? InsertAndReport(modules.ByPath(ToolPaths.Absolute(name)), parameters)
                : NotFound($"Failed to get module from path {name}: {Errno.ENOENT.Message()}");
        }
        var found = modules.Lookup(name);
        var exitCode = found.Count > 0 ? 0 : NotFound($"Module {name} not found in directory {modules.Directory.Path}");
        for (var i = 0; i < found.Count; i++)
        {
            exitCode = InsertAndReport(found[i], parameters);
        }
        return exitCode;
    }

    private int InsertAndReport(ModuleEntry module, string parameters)
    {
        var error = Insert(module, parameters);
        return error == Errno.OK ? 0 : Failed(module, error);
    }

    /// <summary>With one module asked for it is the end; with several, the others are tried.</summary>
    private int NotFound(string text)
    {
        if (request.All)
        {
            context.Log.Warning(text);
            return 1;
        }
        return context.Log.Fatal(text);
    }

    private int Failed(ModuleEntry module, Errno error)
    {
        var text = error switch
        {
            Errno.EEXIST => "Module already in kernel",
            Errno.ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)",
            _ => error.Message(),
        };
        if (context.IsStrict || _failure is null)
        {
            return context.Log.Error($"could not insert '{module.Name}': {text}");
        }
        return context.Log.Error($"could not insert '{module.Name}': {_failure}");
    }

    private Errno Insert(ModuleEntry module, string parameters)
    {
        _failure = null;
        if (!request.ShowDependencies && IsLoaded(module))
        {
            return request.FirstTime ? Errno.EEXIST : Errno.OK;
        }
        if ((request.UseBlacklist || module.Alias is not null) && modules.IsBlacklisted(module))
        {
            return Errno.OK;
        }
        var steps = modules.PlanInsert(module, request.IgnoreCommands);
        for (var i = 0; i < steps.Count; i++)
        {
            var step = steps[i];
            var error = Carry(step, step.Module == module ? parameters : "");
            if (error == Errno.EEXIST && step.Module == module && request.FirstTime)
            {
                return error;
            }
            if (error is not (Errno.OK or Errno.EEXIST) && step.IsRequired)
            {
                return error;
            }
        }
        return Errno.OK;
    }

    private Errno Carry(InsertStep step, string parameters)
    {
        if (!request.ShowDependencies && IsLoaded(step.Module))
        {
            return Errno.EEXIST;
        }
        if (step.Mask is { } mask)
        {
            _failure = $"module {step.Module.Name} is masked by {mask.File} line {mask.Line}";
            return Errno.EPERM;
        }
        // As kmod puts them together: with options from the configuration there is a space behind them, whatever follows.
        var options = step.Options.Length > 0 ? $"{step.Options} {parameters}" : parameters;
        if (step.InstallCommand is { } command)
        {
            return RunCommand(step.Module, command, options);
        }
        if (_print && step.Module.Path is { } path)
        {
            context.Output.Write("insmod ").Write(path).Write(" ").WriteLine(options);
        }
        else if (_print && step.Module.IsBuiltIn)
        {
            context.Output.WriteLine($"builtin {step.Module.Name}");
        }
        var isOnlyShown = request.DryRun || request.ShowDependencies;
        Errno? result = isOnlyShown ? null : InsertFile(step.Module, options);
        request.Report?.Add(step.Module is { Path: null, IsBuiltIn: true } ? "builtin" : "insmod", step.Module.Name, step.Module.Path, options, result);
        return result ?? Errno.OK;
    }

    private Errno InsertFile(ModuleEntry module, string options)
    {
        if (module.Path is null)
        {
            _failure = $"no index names a file for module {module.Name}";
            return Errno.ENOENT;
        }
        var error = context.Kernel.Insert(module.Path, options, request.InsertFlags);
        if (error is not (Errno.OK or Errno.EEXIST))
        {
            _failure = $"{module.Path}: {error.Message()}{KernelReason.For(context)}";
        }
        return error;
    }

    private Errno RunCommand(ModuleEntry module, string command, string options)
    {
        if (_print)
        {
            context.Output.WriteLine($"install {command} {options}");
        }
        if (request.DryRun || request.ShowDependencies)
        {
            request.Report?.Add("install", module.Name, null, command, null);
            return Errno.OK;
        }
        var status = context.RunCommand(command.Replace("$CMDLINE_OPTS", options, StringComparison.Ordinal), module.Name);
        request.Report?.Add("install", module.Name, null, command, status == 0 ? Errno.OK : Errno.EINVAL);
        if (status == 0)
        {
            return Errno.OK;
        }
        context.Log.Error($"Error running install command '{command}' for module {module.Name}: retcode {status}");
        _failure = $"the install command of module {module.Name} failed with status {status}";
        return Errno.EINVAL;
    }

    private bool IsLoaded(ModuleEntry module) => module.IsBuiltIn || context.Kernel.StateOf(module.Name) == ModuleState.Live;
}
