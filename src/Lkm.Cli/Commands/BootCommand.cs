using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm boot</c>: starts a kernel that stays, in a process of its own.</summary>
internal static class BootCommand
{
    /// <summary>Set in the environment of the process that becomes the daemon; and its value when what it says comes to a terminal.</summary>
    private const string Detached = "LKM_DETACHED", OnTerminal = "terminal";

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "boot",
        Summary = "Start a kernel that stays until it is halted",
        Details = """
            The kernel runs in a process of its own, which only you can reach. Time passes in it as outside, unless --time virtual: then it passes at
            once when all wait, and stands still while no command runs, so that the same commands always do the same.
            """,
        Options =
        [
            KernelOption.Option,
            NameOption.Option,
            MemorySize.Option,
            new("--time", "wall|virtual", "how time passes (default wall)"),
            new("--stuck", "SECONDS", "end a task that holds the processor for that long (default 20)"),
            new("--autoclean", "SECONDS", "take out modules that were loaded on demand and are unused for that long (default never)"),
            new("--foreground", null, "stay in this process, for service managers"),
        ],
        Examples = ["lkm boot", "lkm boot --kernel debian:6.12 --name new --memory 512M", "lkm insmod hello.ko --name new"],
        MostOperands = 0,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        if (MemorySize.Read(arguments.Value(MemorySize.Option.Name), out ulong? memory) is { } wrong)
            return Screen.Misused($"boot: {wrong}");
        if (arguments.Value("--time") is { } time && time is not ("wall" or "virtual"))
            return Screen.Misused($"boot: --time {time}: takes wall or virtual");
        if (!TrySeconds(arguments, "--stuck", 20, out int stuck))
            return Screen.Misused("boot: --stuck takes a number of seconds");
        if (!TrySeconds(arguments, "--autoclean", 0, out int autoclean))
            return Screen.Misused("boot: --autoclean takes a number of seconds");
        Outcome<DaemonPlace> place = DaemonPlace.Of(arguments.Value(NameOption.Option.Name));
        if (!place.Succeeded)
            return Screen.Misused($"boot: {place.Error}");
        if (place.Value.MakeFolder() is { } error)
            return Screen.Fail(error);
        if (!arguments.Has("--foreground"))
            return Detach(arguments);
        string? detached = Environment.GetEnvironmentVariable(Detached);
        if (detached is not null)
        {
            DaemonHost.LeaveSession();
            Screen.ShowsProgress = detached == OnTerminal;
        }
        var options = new ResidentOptions
        {
            FollowsWallClock = arguments.Value("--time") is not "virtual",
            StuckSeconds = stuck,
            AutocleanSeconds = autoclean > 0 ? autoclean : null,
        };
        return Serve(arguments, place.Value, memory, options, detached is not null);
    }

    private static bool TrySeconds(Arguments arguments, string option, int usual, out int seconds)
    {
        seconds = usual;
        return arguments.Value(option) is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds) && seconds > 0);
    }

    /// <summary>Runs the kernel in this process, until it is halted.</summary>
    private static int Serve(Arguments arguments, DaemonPlace place, ulong? memory, ResidentOptions options, bool isDetached)
    {
        using IDisposable? held = place.TryLock();
        if (held is null)
            return Screen.Fail($"a kernel named \"{place.Name}\" is running already: use it, or \"lkm halt\" it first, or boot another with --name");
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        Outcome<ResidentKernel> started = KernelSessions.StartResident(kernel.Value, memory, options, Screen.Progress);
        if (!started.Succeeded)
            return Screen.Fail(started.Error);
        var identity = new KernelIdentity(place.Name, kernel.Value.Version, kernel.Value.ImagePath, options.FollowsWallClock ? "wall" : "virtual");
        var server = new DaemonServer(started.Value, identity, place.Listen());
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Halt);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Halt);
        Screen.Output.WriteLine($"{kernel.Value.Version} runs as \"{place.Name}\" (process {Environment.ProcessId})");
        Screen.Flush();
        if (isDetached)
            DaemonHost.LeaveTerminal(place.Log);
        server.Run();
        File.Delete(place.Socket);
        return ExitCode.Done;

        void Halt(PosixSignalContext context)
        {
            context.Cancel = true;
            server.Halt();
        }
    }

    /// <summary>Starts this program again to run the kernel, and waits until that is up or has failed.</summary>
    private static int Detach(Arguments arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        start.ArgumentList.Add(Command.Name);
        start.ArgumentList.Add("--foreground");
        foreach ((string name, string? value) in arguments.Options)
        {
            start.ArgumentList.Add(name);
            if (value is not null)
                start.ArgumentList.Add(value);
        }
        start.Environment[Detached] = Screen.ShowsProgress ? OnTerminal : "1";
        using Process daemon = Process.Start(start)!;
        daemon.StandardInput.Close();
        var messages = new Thread(() => daemon.StandardError.BaseStream.CopyTo(Console.OpenStandardError())) { IsBackground = true };
        messages.Start();
        if (daemon.StandardOutput.ReadLine() is { } ready)
        {
            Screen.Output.WriteLine(ready);
            return ExitCode.Done;
        }
        daemon.WaitForExit();
        messages.Join();
        return daemon.ExitCode is 0 ? ExitCode.Failed : daemon.ExitCode;
    }
}
