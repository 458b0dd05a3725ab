using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands that fork, and one that waits for a signal.</summary>
internal static class ChildCommands
{
    private const int SignalIo = 29; // SIGIO

    /// <summary>sh -c LINE. The child's output comes when it ends: its pipes are this process's.</summary>
    public static async GuestTask<int> Shell(CommandContext c)
    {
        if (c.Arguments is [[not '-', ..] path, .. var words])
            return await RunScript(c, path, words);
        if (c.Arguments is not ["-c", var line, .. var rest])
            return await c.Misused();
        var (name, parameters) = (rest.Count > 0 ? rest[0] : "sh", rest.Skip(1).ToList());
        if (c.Files.Process is not IForks forks)
            return await c.Fail("can't fork", Errno.ENOSYS);
        if (c.Shell.IsAlone)
            return await c.Shell.NewProgram(name, parameters).Run(c.Files.Process, line, c.Streams);
        await c.Files.Put(line); // its argument, in memory that both processes then share until one writes to it
        using MemoryStream output = new(), errors = new();
        var pid = await forks.Fork(child => c.Shell.NewProgram(name, parameters).Run(child, line, new ShellStreams(output, errors)));
        if (pid < 0)
            return await c.Fail("can't fork", (Errno)(-pid));
        var status = (await forks.AwaitEnd(pid)).Status;
        c.Print(output.ToArray());
        await c.Flush();
        if (errors.Length > 0)
            await c.PrintError(Encoding.UTF8.GetString(errors.ToArray()));
        return status;
    }

    /// <summary>sh FILE: runs the lines of a file.</summary>
    private static async GuestTask<int> RunScript(CommandContext c, string path, IReadOnlyList<string> parameters)
    {
        var script = await c.Files.ReadFile(path);
        return script.Error == Errno.OK
            ? await c.Shell.NewProgram(path, parameters).Run(c.Files.Process, Encoding.UTF8.GetString(script.Bytes), c.Streams)
            : await c.Fail($"can't open '{path}'", script.Error);
    }

    /// <summary>
    /// fasync: fcntl(F_SETOWN) and O_ASYNC, as an application asks a driver to tell it of input. The signal is blocked and taken by
    /// rt_sigtimedwait(2), for commands have no signal handlers.
    /// </summary>
    public static async GuestTask<int> AwaitSignal(CommandContext c)
    {
        var milliseconds = 0;
        if (c.Arguments.Count is < 1 or > 3
            || (c.Arguments.Count > 1 && !int.TryParse(c.Arguments[1], NumberStyles.None, CultureInfo.InvariantCulture, out milliseconds)))
            return await c.Misused();
        var path = c.Arguments[0];
        var descriptor = await c.Files.Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        const ulong setFlags = 4, setOwner = 8, async = 0x2000, nonBlocking = 0x800; // F_SETFL, F_SETOWN, O_ASYNC, O_NONBLOCK
        const ulong block = 0, setSize = 8;
        var set = await c.Files.Process.Put(BitConverter.GetBytes(1UL << (SignalIo - 1)));
        await c.Files.Call("rt_sigprocmask", block, set, 0, setSize);
        await c.Files.Call("fcntl", (ulong)descriptor, setOwner, (ulong)await c.Files.Call("getpid"));
        var error = ShellFiles.ErrorOf(await c.Files.Call("fcntl", (ulong)descriptor, setFlags, nonBlocking | async));
        if (error == Errno.OK && c.Arguments is [_, _, var line])
            await RunLine(c, line);
        var received = error == Errno.OK ? await TakeSignal(c, milliseconds) : false;
        await c.Files.Close(descriptor);
        if (error != Errno.OK)
            return await c.Fail(path, error);
        c.Print(received ? "SIGIO\n" : "timeout\n");
        return received ? 0 : 1;
    }

    private static async GuestTask<bool> TakeSignal(CommandContext c, int milliseconds)
    {
        const int timeLength = 16;
        var request = new byte[sizeof(ulong) + timeLength];
        BinaryPrimitives.WriteUInt64LittleEndian(request, 1UL << (SignalIo - 1));
        BinaryPrimitives.WriteInt64LittleEndian(request.AsSpan(8), milliseconds / 1000);
        BinaryPrimitives.WriteInt64LittleEndian(request.AsSpan(16), milliseconds % 1000 * 1_000_000L);
        var set = await c.Files.Process.Put(request);
        return await c.Files.Call("rt_sigtimedwait", set, 0, set + sizeof(ulong), sizeof(ulong)) == SignalIo;
    }

    private static async GuestTask RunLine(CommandContext c, string line)
    {
        using var output = new MemoryStream();
        await c.Shell.Subshell().Run(c.Files.Process, line, new ShellStreams(output, output));
        c.Print(output.ToArray());
    }
}
