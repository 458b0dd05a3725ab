using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>The tools that the program answers as when it is called by their names, or with <c>--host</c>.</summary>
internal static class ToolNames
{
    /// <summary>Runs the tool that the program is called as: exactly as kmod's of that name.</summary>
    /// <param name="programPath"><c>argv[0]</c> (<see cref="HostProcess.ProgramName"/>).</param>
    /// <param name="arguments">The arguments after it.</param>
    /// <param name="exitCode">The exit code, if the name is a tool's.</param>
    /// <returns>False if the name is no tool's; then nothing was done.</returns>
    public static bool TryRun(string programPath, string[] arguments, out int exitCode)
    {
        var name = programPath[(programPath.LastIndexOf('/') + 1)..];
        exitCode = 0;
        if (Find(name) is not { } tool)
        {
            return false;
        }
        exitCode = Run(tool, Context(programPath, isStrict: true), arguments);
        return true;
    }

    /// <summary>Runs a tool on the machine's kernel with lkm's improvements; <c>--strict-kmod</c> among its arguments keeps kmod's behaviour.</summary>
    /// <param name="name">The tool's name, or <c>static-nodes</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="exitCode">The exit code, if the name is a tool's.</param>
    public static bool TryRunOnHost(string name, string[] arguments, out int exitCode)
    {
        exitCode = 0;
        if (Find(name) is not { } tool)
        {
            return false;
        }
        var end = Array.IndexOf(arguments, "--");
        var strict = Array.IndexOf(arguments, "--strict-kmod", 0, end < 0 ? arguments.Length : end);
        exitCode = strict < 0
            ? Run(tool, Context(name, isStrict: false), arguments)
            : Run(tool, Context(name, isStrict: true), [.. arguments[..strict], .. arguments[(strict + 1)..]]);
        return true;
    }

    /// <summary>The tool of that name; null if there is none.</summary>
    internal static Func<ToolContext, IReadOnlyList<string>, int>? Find(string name) => name switch
    {
        "insmod" => InsmodTool.Run,
        "rmmod" => RmmodTool.Run,
        "lsmod" => LsmodTool.Run,
        "modinfo" => ModinfoTool.Run,
        "modprobe" => ModprobeTool.Run,
        "depmod" => DepmodTool.Run,
        "ksyms" => KsymsTool.Run,
        "static-nodes" => StaticNodesTool.Run,
        "kmod" => KmodTool.Run,
        _ => null,
    };

    private static ToolContext Context(string programPath, bool isStrict) => new()
    {
        ProgramPath = programPath,
        Output = new(1),
        ErrorOutput = new(2),
        SystemCalls = new HostSystemCalls(),
        IsStrict = isStrict,
    };

    private static int Run(Func<ToolContext, IReadOnlyList<string>, int> tool, ToolContext context, string[] arguments)
    {
        var exitCode = tool(context, arguments);
        context.Output.Flush();
        context.ErrorOutput.Flush();
        return exitCode;
    }
}
