using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Commands;

/// <summary>The program's commands. One is made when it is asked for: the program starts as if it had no others.</summary>
internal static class CommandTable
{
    /// <summary>Headings, and the names of the commands under each, as help lists them.</summary>
    public static IReadOnlyList<CommandGroup> Groups =>
    [
        new("run and build", ["run", "probe", "new", "build", "kernels"]),
        new("without a kernel", ["check", "modinfo", "objdump", "depmod"]),
        new("a kernel that stays", ["boot", "halt", .. ResidentCommands.Names, "sh"]),
        new("beside real Linux, and many modules", ["compare", "sweep"]),
    ];

    /// <summary>The command of a name, or null.</summary>
    public static Command? Find(string name) => name switch
    {
        "run" => RunCommand.Command,
        "probe" => ProbeCommand.Command,
        "new" => NewCommand.Command,
        "build" => BuildCommand.Command,
        "kernels" => KernelsCommand.Command,
        "check" => CheckCommand.Command,
        "modinfo" => ModinfoCommand.Command,
        "objdump" => ObjdumpCommand.Command,
        "depmod" => DepmodCommand.Command,
        "boot" => BootCommand.Command,
        "halt" => HaltCommand.Command,
        "sh" => ShellCommand.Command,
        "compare" => CompareCommand.Command,
        "sweep" => SweepCommand.Command,
        _ => ResidentCommands.Find(name),
    };
}
