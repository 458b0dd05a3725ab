using Lkm.Formats;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>rmmod(8).</summary>
internal static class RmmodTool
{
    private const string Help = """
        Usage:
        	rmmod [options] modulename ...
        Options:
        	-f, --force       forces a module unload and may crash your
        	                  machine. This requires Forced Module Removal
        	                  option in your kernel. DANGEROUS
        	-s, --syslog      print to syslog, not stderr
        	-v, --verbose     enables more messages
        	-V, --version     show version
        	-h, --help        show this help

        """;

    private const int Json = 1;

    private static readonly LongOption[] LongOptions =
    [
        new("force", false, 'f'), new("syslog", false, 's'), new("verbose", false, 'v'), new("version", false, 'V'), new("help", false, 'h'), new("json", false, Json),
    ];

    public static int Run(ToolContext context, string[] arguments)
    {
        var flags = RemoveFlags.NonBlocking;
        StepReport? report = null;
        var options = context.Options(arguments, "fsvVh", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case Json: report = new(context); break;
                case 'f': flags |= RemoveFlags.Force; break;
                case 's': context.Log.UseSystemLog(); break;
                case 'v': context.Log.Level++; break;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        if (options.Operands.Count == 0)
        {
            return context.Log.Error("missing module name.");
        }
        var directory = ModuleDirectory.PathFor(context.Host.Release, context.Root);
        using var opened = ModuleDirectory.Open(directory);
        var modules = new ModuleContext(opened, ToolConfiguration.Load(context, directory, [$"{directory}/modules.softdep"]));
        var exitCode = 0;
        foreach (var argument in options.Operands)
        {
            exitCode |= Remove(context, HostFiles.IsFile(argument) ? modules.ByPath(argument) : modules.ByName(argument), flags, report);
        }
        report?.Write(exitCode);
        return exitCode;
    }

    private static int Remove(ToolContext context, ModuleEntry module, RemoveFlags flags, StepReport? report)
    {
        if ((flags & RemoveFlags.Force) == 0 && Check(context, module) is { } objection)
        {
            report?.Add("rmmod", module.Name, null, null, null);
            return context.Log.Error(objection);
        }
        if (context.Log.Level > LogLevel.Warning)
        {
            context.Log.Info($"rmmod {module.Name}");
        }
        var result = context.Kernel.Remove(module.Name, flags);
        report?.Add("rmmod", module.Name, null, null, result);
        return result == Errno.OK ? 0 : context.Log.Error($"could not remove module {module.Name}: {result.Message()}");
    }

    private static string? Check(ToolContext context, ModuleEntry module)
    {
        if (module.IsBuiltIn)
        {
            return $"Module {module.Name} is builtin.";
        }
        if (context.Kernel.StateOf(module.Name) == ModuleState.Absent)
        {
            return $"Module {module.Name} is not currently loaded";
        }
        if (context.Kernel.HoldersOf(module.Name) is { Length: > 0 } holders)
        {
            return $"Module {module.Name} is in use by: {string.Join(' ', holders)}";
        }
        var users = context.Kernel.ReferenceCount(module.Name, out var error);
        return users > 0 ? $"Module {module.Name} is in use"
            : users < 0 && error == Errno.ENOENT ? "Module unloading is not supported"
            : null;
    }
}
