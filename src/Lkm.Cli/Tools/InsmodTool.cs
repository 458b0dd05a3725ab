using Lkm.Formats;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>insmod(8).</summary>
internal static class InsmodTool
{
    private const string Help = """
        Usage:
        	insmod [options] filename [module options]
        Options:
        	-f, --force       DANGEROUS: forces a module load, may cause
        	                  data corruption and crash your machine.
        	                  implies --force-modversion and
        	                  --force-vermagic
        	    --force-modversion   Ignore module's version
        	    --force-vermagic     Ignore module's version magic
        	-s, --syslog      print to syslog, not stderr
        	-v, --verbose     enables more messages
        	-V, --version     show version
        	-h, --help        show this help

        """;

    private const int Json = 3;

    private static readonly LongOption[] LongOptions =
    [
        new("force", false, 'f'), new("force-modversion", false, 1), new("force-vermagic", false, 2), new("syslog", false, 's'),
        new("verbose", false, 'v'), new("version", false, 'V'), new("help", false, 'h'), new("json", false, Json),
    ];

    public static int Run(ToolContext context, string[] arguments)
    {
        var flags = InsertFlags.None;
        StepReport? report = null;
        var options = context.Options(arguments, "fpsvVh", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 'f': flags |= InsertFlags.IgnoreModuleVersions | InsertFlags.IgnoreVersionMagic; break;
                case 1: flags |= InsertFlags.IgnoreModuleVersions; break;
                case 2: flags |= InsertFlags.IgnoreVersionMagic; break;
                case Json: report = new(context); break;
                case 'p': break; // probe only, in the days of Linux 2.4
                case 's': context.Log.UseSystemLog(); break;
                case 'v': context.Log.Level++; break;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        if (options.Operands.Count == 0)
        {
            return context.Log.Error("missing filename.");
        }
        var (result, exitCode) = Insert(context, options.Operands, flags);
        report?.Add("insmod", ModuleName.FromPath(options.Operands[0]), options.Operands[0], Parameters(options.Operands), result);
        report?.Write(exitCode);
        return exitCode;
    }

    private static string Parameters(List<string> operands) => string.Join(' ', operands.Skip(1));

    private static (Errno Result, int ExitCode) Insert(ToolContext context, List<string> operands, InsertFlags flags)
    {
        var file = operands[0];
        if (file == "-")
        {
            return (Errno.EINVAL, context.Log.Error("this tool does not support loading from stdin!"));
        }
        if (!HostFiles.Exists(file))
        {
            return (Errno.ENOENT, context.Log.Error($"could not load module {file}: {Errno.ENOENT.Message()}"));
        }
        if (MaskCheck.Find(context, file) is { } mask)
        {
            return (Errno.EPERM, context.Log.Error($"could not insert module {file}: masked by {mask.File} line {mask.Line}"));
        }
        var result = context.Kernel.Insert(file, Parameters(operands), flags);
        return (result, result == Errno.OK ? 0 : context.Log.Error($"could not insert module {file}: {Describe(result)}{KernelReason.For(context)}"));
    }

    private static string Describe(Errno errno) => errno switch
    {
        Errno.ENOEXEC => "Invalid module format",
        Errno.ENOENT => "Unknown symbol in module",
        Errno.ESRCH => "Module has wrong symbol version",
        Errno.EINVAL => "Invalid parameters",
        _ => errno.Message(),
    };
}
