using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm sh</c>: the shell inside a kernel that stays.</summary>
internal static class ShellCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "sh",
        Operands = "",
        Summary = "A shell inside the kernel, or one line of it",
        Details = "Without -c it reads lines from standard input, with history and completion on a terminal. `help` lists its commands.",
        Options = [NameOption.Option, new("-c", "LINE", "run this line")],
        Examples = ["lkm sh", "lkm sh -c 'cat /proc/modules | wc -l'", "lkm sh < script"],
        MostOperands = 0,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        Outcome<DaemonClient> connected = DaemonClient.Connect(arguments.Value(NameOption.Option.Name));
        if (!connected.Succeeded)
            return Screen.Fail(connected.Error);
        using DaemonClient client = connected.Value;
        if (arguments.Value("-c") is { } line)
            return client.Run(["sh", line]);
        int status = ExitCode.Done;
        while (Console.In.ReadLine() is { } next)
            status = client.Run(["sh", next]);
        return status;
    }
}
