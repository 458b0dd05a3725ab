namespace Lkm.Cli.Tools;

/// <summary>kmod(8): the program that all tools are, under its own name.</summary>
internal static class KmodTool
{
    private static readonly LongOption[] LongOptions = [new("version", false, 'V'), new("help", false, 'h')];

    public static int Run(ToolContext context, IReadOnlyList<string> arguments)
    {
        // Options behind the command are the command's.
        var parser = new OptionParser(context.ProgramPath, arguments, "Vh", LongOptions, context.Log.Plain, stopAtOperand: true);
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
        Func<ToolContext, IReadOnlyList<string>, int>? tool = command switch
        {
            "help" => static (context, _) => PrintHelp(context),
            "list" => LsmodTool.Run,
            "static-nodes" => StaticNodesTool.Run,
            _ => null,
        };
        if (tool is null)
        {
            context.Log.Plain($"invalid command '{command}'");
            PrintHelp(context);
            return 1;
        }
        return tool(Renamed(context, command), [.. parser.Operands.Skip(1)]);
    }

    private static ToolContext Renamed(ToolContext context, string name) => new()
    {
        ProgramPath = name,
        Output = context.Output,
        ErrorOutput = context.ErrorOutput,
        SystemCalls = context.SystemCalls,
        Root = context.Root,
        Variable = context.Variable,
        Release = context.Release,
        IsStrict = context.IsStrict,
    };

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
