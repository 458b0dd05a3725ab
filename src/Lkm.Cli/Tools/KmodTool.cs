namespace Lkm.Cli.Tools;

/// <summary>kmod(8): the program that all tools are, under its own name.</summary>
internal static class KmodTool
{
    private static readonly LongOption[] LongOptions = [new("version", false, 'V'), new("help", false, 'h')];

    public static int Run(ToolContext context, string[] arguments)
    {
        // Options behind the command are the command's.
        var parser = new OptionParser(context.ProgramPath, arguments, "Vh", LongOptions, context.Log, stopAtOperand: true);
        while (parser.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 'V': return context.PrintVersion();
                case 'h': return PrintHelp(context);
                default: return 1;
            }
        }
        if (parser.Operands.Count == 0)
        {
            context.Log.Plain("missing command");
            PrintHelp(context);
            return 1;
        }
        var command = parser.Operands[0];
        string[] rest = [.. parser.Operands.Skip(1)];
        switch (command)
        {
            case "help":
                return PrintHelp(context);
            case "list":
                return LsmodTool.Run(context.Renamed(command), rest);
            case "static-nodes":
                return StaticNodesTool.Run(context.Renamed(command), rest);
            default:
                context.Log.Plain($"invalid command '{command}'");
                PrintHelp(context);
                return 1;
        }
    }

    private static int PrintHelp(ToolContext context)
    {
        context.Output.Write($"""
            kmod - Manage kernel modules: list, load, unload, etc
            Usage:
            	{context.ProgramName} [options] command [command_options]

            Options:
            	-V, --version     show version
            	-h, --help        show this help

            Commands:
              help         Show help message
              list         list currently loaded modules
              static-nodes outputs the static-node information installed with the currently running kernel

            kmod also handles gracefully if called from following symlinks:
              lsmod        compat lsmod command
              rmmod        compat rmmod command
              insmod       compat insmod command
              modinfo      compat modinfo command
              modprobe     compat modprobe command
              depmod       compat depmod command

            """);
        return 0;
    }
}
