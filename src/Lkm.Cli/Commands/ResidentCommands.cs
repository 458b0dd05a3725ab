using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Cli.Running;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary>The commands that act on a kernel that stays. They are commands of the shell inside it, with the same arguments.</summary>
internal static class ResidentCommands
{
    /// <summary>Their names, as help lists them.</summary>
    public static IReadOnlyList<string> Names => ["insmod", "rmmod", "lsmod", "modprobe", "ksyms", "dmesg", "ps", "cat", "write", "ls"];

    private static CommandOption Json => new("--json", null, "print one JSON document");

    /// <summary>The command of a name, or null.</summary>
    public static Command? Find(string name) => name switch
    {
        "insmod" => New(name, "FILE|DIR [PARAM=VALUE ...]", "Load a module from a file, or the modules of a folder, which is built first", [new("--trace", null, "print each step of the loading"), Json], least: 1),
        "rmmod" => New(name, "NAME ...", "Unload modules", [new("-f", null, "force: also one that is in use")], least: 1),
        "lsmod" => New(name, "", "List the loaded modules", [Json], most: 0),
        "modprobe" => New(
            name, "NAME [PARAM=VALUE ...]", "Load a module of the kernel's own with what it needs",
            [
                new("-r", null, "unload it, and what nobody uses then"), new("-a", null, "all operands are names"),
                new("-D", null, "only print what would be loaded, in which order"), new("-q", null, "no word about a name that there is not"),
            ], least: 1),
        "ksyms" => New(name, "[PATTERN]", "List symbols of the kernel and its modules", [new("-e", null, "those that modules may use, and on which terms"), Json], most: 1),
        "dmesg" => New(name, "", "Print the kernel's log", [new("--follow", null, "go on with what comes"), Json], most: 0),
        "ps" => New(name, "", "List the kernel's processes", [Json], most: 0),
        "cat" => New(name, "PATH ...", "Print files of the kernel", least: 1),
        "write" => New(name, "PATH [TEXT]", "Write a text, or standard input, to a file of the kernel", least: 1, most: 2),
        "ls" => New(
            name, "[PATH ...]", "List directories of the kernel",
            [new("-l", null, "with mode, owner, size and time"), new("-a", null, "hidden ones too")]),
        _ => null,
    };

    /// <summary>Runs a command in the kernel that the arguments name.</summary>
    public static int Run(string? name, IReadOnlyList<string> words)
    {
        Outcome<DaemonClient> client = DaemonClient.Connect(name);
        if (!client.Succeeded)
            return Screen.Fail(client.Error);
        using (client.Value)
            return client.Value.Run(words);
    }

    /// <summary>Builds a folder as <c>lkm run</c> does, for the kernel that runs, and loads what it made, each module after what it depends on.</summary>
    private static int InsertFolder(Arguments arguments)
    {
        Outcome<DaemonClient> client = DaemonClient.Connect(arguments.Value(NameOption.Option.Name));
        if (!client.Succeeded)
            return Screen.Fail(client.Error);
        using DaemonClient connected = client.Value;
        string folder = arguments.Operands[0];
        if (KernelOption.Locator().List().FirstOrDefault(known => known.Version == connected.Release) is not { } kernel)
            return Screen.Fail($"{folder}: \"lkm kernels\" does not list {connected.Release}: build the folder with \"lkm build --kernel IMAGE\", and name the file");
        Outcome<IReadOnlyList<PlannedModule>> plan = RunCommand.Plan(kernel, folder, string.Join(' ', arguments.Operands.Skip(1)));
        if (!plan.Succeeded)
            return Screen.Fail(plan.Error);
        string[] options = [.. arguments.Options.Where(option => option.Name != NameOption.Option.Name).Select(option => option.Name)];
        foreach (PlannedModule module in plan.Value)
        {
            string[] words = module.IsProbed
                ? ["modprobe", module.Name]
                : ["insmod", .. options, "--", module.Path, .. module.Parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
            int status = connected.Run(words);
            if (status != 0 && module.IsRequired)
                return status;
        }
        return ExitCode.Done;
    }

    private static Command New(
        string name, string operands, string summary, IReadOnlyList<CommandOption>? options = null, int least = 0, int most = int.MaxValue) => new()
        {
            Name = name,
            Operands = operands,
            Summary = summary,
            Options = [NameOption.Option, .. options ?? []],
            LeastOperands = least,
            MostOperands = most,
            Run = arguments => name == "insmod" && Directory.Exists(arguments.Operands[0])
                ? InsertFolder(arguments)
                : Run(arguments.Value(NameOption.Option.Name), Words(name, arguments)),
        };

    /// <summary>The command's words for the kernel: options of its own, then operands.</summary>
    private static List<string> Words(string name, Arguments arguments)
    {
        List<string> words = [name];
        foreach ((string option, _) in arguments.Options)
        {
            if (option != NameOption.Option.Name)
                words.Add(option);
        }
        if (arguments.Operands.Any(operand => operand.StartsWith('-')))
            words.Add("--");
        words.AddRange(arguments.Operands);
        return words;
    }
}
