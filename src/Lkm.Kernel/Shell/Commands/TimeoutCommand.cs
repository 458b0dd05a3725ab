using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>
/// timeout: a command in a child, and a second child that sleeps and then sends the signal. As with busybox's, the status is the command's own, which is
/// 128 and the signal's number when that has ended it.
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
        var line = string.Join(' ', arguments.Skip(1).Select(word => $"'{word.Replace("'", "'\\''")}'"));
        using MemoryStream output = new(), errors = new();
        var pid = await forks.Fork(child => c.Shell.Subshell().Run(child, line, new ShellStreams(output, errors)));
        if (pid < 0)
            return await c.Fail("can't fork", (Errno)(-pid));
        var watcher = await forks.Fork(child => Watch(child, seconds, pid, signal));
        if (watcher < 0)
            return await c.Fail("can't fork", (Errno)(-watcher));
        var end = await forks.AwaitEnd(pid);
        await c.Files.Call("kill", (ulong)watcher, KillSignal);
        await forks.AwaitEnd(watcher);
        c.Print(output.ToArray());
        await c.Flush();
        if (errors.Length > 0)
            await c.PrintError(Encoding.UTF8.GetString(errors.ToArray()));
        if (end.Message is { } message)
            await c.PrintError(message + "\n");
        return end.Status;
    }

    private static async GuestTask<int> Watch(ISystemCalls process, decimal seconds, int pid, int signal)
    {
        if (await ProcessCommands.Sleep(process, seconds) == Errno.OK)
            await process.SystemCall("kill", (ulong)pid, (ulong)signal);
        return 0;
    }
}
