using Lkm.Cli.CommandLine;
using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>lsmod(8).</summary>
internal static class LsmodTool
{
    private const string Help = """
        Usage:
        	lsmod [options]
        Options:
        	-s, --syslog      print to syslog, not stderr
        	-v, --verbose     enables more messages
        	-V, --version     show version
        	-h, --help        show this help

        """;

    private const int NameWidth = 19, SizeWidth = 8;

    private static readonly LongOption[] LongOptions =
    [
        new("syslog", false, 's'), new("verbose", false, 'v'), new("version", false, 'V'), new("help", false, 'h'), new("json", false, 1),
    ];

    public static int Run(ToolContext context, string[] arguments)
    {
        var json = false;
        var options = context.Options(arguments, "svVh", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 1: json = true; break;
                case 's': context.Log.UseSystemLog(); break;
                case 'v': context.Log.Level++; break;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        if (options.Operands.Count > 0)
        {
            context.Log.Plain($"Usage: {context.ProgramPath}");
            return 1;
        }
        if (context.Kernel.ListLoaded(out var modules) is not Errno.OK and var error)
        {
            context.Log.Plain($"libkmod: ERROR: kmod_module_new_from_loaded: could not open /proc/modules: {error.Message()}");
            context.Log.Plain($"Error: could not get list of modules: {error.Message()}");
            return 1;
        }
        return json ? PrintJson(context, modules) : PrintTable(context, modules);
    }

    private static int PrintTable(ToolContext context, List<LoadedModule> modules)
    {
        context.Output.Write("Module                  Size  Used by\n");
        foreach (var module in modules)
        {
            var users = context.Kernel.ReferenceCount(module.Name, out var error);
            context.Output.Write(module.Name).WriteSpaces(Math.Max(NameWidth - module.Name.Length, 0) + 1).WriteNumber(Size(context, module), SizeWidth).Write("  ")
                .WriteNumber(users >= 0 ? users : -(int)error);
            var separator = " ";
            foreach (var holder in context.Kernel.HoldersOf(module.Name))
            {
                context.Output.Write(separator).Write(holder);
                separator = ",";
            }
            context.Output.Write("\n");
        }
        return 0;
    }

    private static long Size(ToolContext context, LoadedModule module) =>
        context.Kernel.HasDirectory(module.Name) ? context.Kernel.SizeOf(module) : -(int)Errno.ENOENT;

    private static int PrintJson(ToolContext context, List<LoadedModule> modules)
    {
        ToolJson.Write(context.Output, json =>
        {
            json.WriteStartArray("modules");
            foreach (var module in modules)
            {
                json.WriteStartObject();
                json.WriteString("name", module.Name);
                json.WriteNumber("size", context.Kernel.SizeOf(module));
                json.WriteNumber("users", Math.Max(0, context.Kernel.ReferenceCount(module.Name, out _)));
                JsonReport.WriteArray(json, "holders", context.Kernel.HoldersOf(module.Name));
                json.WriteString("state", context.Kernel.StateOf(module.Name).ToString().ToLowerInvariant());
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
        return 0;
    }
}
