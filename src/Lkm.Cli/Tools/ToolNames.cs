using Lkm.Distribution;
using Lkm.Modules;
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
        var name = programPath[ModuleName.BaseNameStart(programPath)..];
        exitCode = 0;
        if (!IsTool(name))
        {
            return false;
        }
        exitCode = RunAndFlush(name, Context(programPath, isStrict: true), arguments);
        return true;
    }

    /// <summary>
    /// Runs a tool as a command of lkm's, with lkm's improvements: with <c>--host</c> on the machine's kernel; without, those that no other command is called as.
    /// <c>--strict-kmod</c> means the machine's kernel too, and kmod's behaviour throughout.
    /// </summary>
    /// <param name="arguments">The tool's name and its arguments.</param>
    /// <param name="exitCode">The exit code, if this is a tool's command.</param>
    /// <returns>False if it is none; then nothing was done.</returns>
    public static bool TryRunCommand(string[] arguments, out int exitCode)
    {
        exitCode = 0;
        if (arguments.Length == 0 || !IsTool(arguments[0]))
        {
            return false;
        }
        var isStrict = false;
        var isHost = arguments[0] is "static-nodes" or "kmod";
        var rest = new List<string>(arguments.Length);
        var optionsEnd = false;
        for (var i = 1; i < arguments.Length; i++)
        {
            optionsEnd |= arguments[i] == "--";
            var isStrictOption = !optionsEnd && arguments[i] == "--strict-kmod";
            var isHostOption = !optionsEnd && arguments[i] == "--host";
            isStrict |= isStrictOption;
            isHost |= isHostOption || isStrictOption;
            if (!isStrictOption && !isHostOption)
            {
                rest.Add(arguments[i]);
            }
        }
        if (isHost)
        {
            exitCode = RunAndFlush(arguments[0], Context(arguments[0], isStrict), [.. rest]);
        }
        return isHost;
    }

    /// <summary>Runs a tool with lkm's improvements.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="findModules">Finds the folder of the kernel's modules, if it is not the machine's kernel that is meant.</param>
    public static int RunImproved(string name, string[] arguments, Func<Outcome<string>>? findModules = null) =>
        RunAndFlush(name, Context(name, isStrict: false, findModules), arguments);

    /// <summary>Whether there is a tool of that name: to ask loads none of them, and most calls of lkm are of other commands.</summary>
    private static bool IsTool(string name) =>
        name is "insmod" or "rmmod" or "lsmod" or "modinfo" or "modprobe" or "depmod" or "ksyms" or "static-nodes" or "kmod";

    /// <summary>Runs the tool of that name, which is one.</summary>
    internal static int Run(string name, ToolContext context, string[] arguments) => name switch
    {
        "insmod" => InsmodTool.Run(context, arguments),
        "rmmod" => RmmodTool.Run(context, arguments),
        "lsmod" => LsmodTool.Run(context, arguments),
        "modinfo" => ModinfoTool.Run(context, arguments),
        "modprobe" => ModprobeTool.Run(context, arguments),
        "depmod" => DepmodTool.Run(context, arguments),
        "ksyms" => KsymsTool.Run(context, arguments),
        "static-nodes" => StaticNodesTool.Run(context, arguments),
        _ => KmodTool.Run(context, arguments),
    };

    private static ToolContext Context(string programPath, bool isStrict, Func<Outcome<string>>? findModules = null) => new()
    {
        ProgramPath = programPath,
        Output = new DescriptorOutput(1),
        ErrorOutput = new DescriptorOutput(2),
        Host = new MachineHost(),
        IsStrict = isStrict,
        FindModules = findModules,
    };

    private static int RunAndFlush(string name, ToolContext context, string[] arguments)
    {
        var exitCode = Run(name, context, arguments);
        context.Output.Flush();
        context.ErrorOutput.Flush();
        return exitCode;
    }
}
