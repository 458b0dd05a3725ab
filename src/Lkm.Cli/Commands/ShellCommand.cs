using System.Text;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Cli.Editing;
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
        return Console.IsInputRedirected ? RunScript(client) : Interact(client);
    }

    private static int RunScript(DaemonClient client)
    {
        int status = ExitCode.Done;
        while (!client.IsExited && Console.In.ReadLine() is { } line)
            status = client.Run(["sh", line], HasNoInput);
        return status;
    }

    private static int Interact(DaemonClient client)
    {
        var editor = new LineEditor(new ConsoleTerminal(), LineHistory.OfUser(), line => Complete(client, line));
        int status = ExitCode.Done;
        while (!client.IsExited && editor.Read($"lkm {client.Release}:{client.Directory}# ") is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
                status = client.Run(["sh", line]);
        }
        return status;
    }

    /// <summary>The script's own lines are what standard input is read for.</summary>
    private static Stream HasNoInput() => Stream.Null;

    private static string[] Complete(DaemonClient client, string line)
    {
        var proposals = new StringBuilder();
        client.Run(
            ["complete", line],
            (descriptor, bytes) =>
            {
                if (descriptor == 1)
                    proposals.Append(Encoding.UTF8.GetString(bytes));
                return true;
            },
            () => Stream.Null);
        return proposals.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
