using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>
/// timeout: the process becomes the command, as busybox's does, and a child of it sleeps and then sends it the signal. So the status is the command's own,
/// or what a signal has ended it with.
/// </summary>
internal static class TimeoutCommand
{
    private const int KillSignal = 9;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var arguments = c.Arguments;
        var signal = 15; // SIGTERM
        if (arguments is ["-s", var name, ..])
        {
            if (!ProcessCommands.TrySignal(name, out signal))
                return await c.Fail($"bad signal name '{name}'");
            arguments = arguments[2..];
        }

        if (arguments.Count < 2)
            return await c.Misused();
        if (!ProcessCommands.TryDuration(arguments[0], out var seconds))
            return await c.Fail($"invalid number '{arguments[0]}'");
        if (c.Files.Process is not IForks forks)
            return await c.Fail("can't fork", Errno.ENOSYS);
        var pid = (ulong)await c.Files.Call("getpid");
        var watcher = await forks.Fork(child => Watch(child, c.Streams, seconds, pid, signal));
        if (watcher < 0)
            return await c.Fail("can't fork", (Errno)(-watcher));
        return await c.Shell.Run(c.Files.Process, arguments[1..], c.Streams);
    }

    /// <summary>Sleeps, a second at most at a time, and sends the signal; it is over when the command is.</summary>
    private static async GuestTask<int> Watch(ISystemCalls process, StandardStreams streams, decimal seconds, ulong pid, int signal)
    {
        // Who reads from the command is not to wait for this one as well.
        foreach (var stream in (object[])[streams.Input, streams.Output, streams.Errors])
        {
            if (stream is DescriptorStream open)
                await process.SystemCall("close", (ulong)open.Descriptor);
        }

        for (var left = seconds; left > 0; left--)
        {
            if (await ProcessCommands.Sleep(process, Math.Min(left, 1)) != Errno.OK || await process.SystemCall("kill", pid, 0) < 0)
                return 0;
        }

        await process.SystemCall("kill", pid, (ulong)signal);
        return 0;
    }
}
