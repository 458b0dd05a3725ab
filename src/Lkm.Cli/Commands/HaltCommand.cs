using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm halt</c>: ends a kernel that stays.</summary>
internal static class HaltCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "halt",
        Summary = "End a kernel that was started with lkm boot",
        Options = [NameOption.Option],
        MostOperands = 0,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        string? name = arguments.Value(NameOption.Option.Name);
        Outcome<DaemonClient> client = DaemonClient.Connect(name, ofAnyVersion: true);
        if (!client.Succeeded)
            return Screen.Fail(client.Error);
        using (client.Value)
            client.Value.Run(["halt"]);
        DaemonPlace place = DaemonPlace.Of(name).Value!;
        long end = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        while (Environment.TickCount64 < end)
        {
            if (place.TryLock() is { } free)
            {
                free.Dispose();
                return ExitCode.Done;
            }
            Thread.Sleep(10);
        }
        return Screen.Fail($"the kernel \"{place.Name}\" was told to end, and has not: kill its process");
    }
}
