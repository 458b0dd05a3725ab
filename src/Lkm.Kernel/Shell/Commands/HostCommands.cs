using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>put and get: copies between the host's files and the guest's.</summary>
internal static class HostCommands
{
    public static async GuestTask<int> Put(CommandContext c)
    {
        if (c.Arguments is not [var from, var to])
            return await c.Misused();
        var (stat, statError) = await c.Files.Stat(to);
        if (statError == Errno.OK && stat.Type == FileType.Directory)
            to = ShellFiles.Combine(to, Path.GetFileName(from));
        Stream source;
        try
        {
            source = File.OpenRead(c.Shell.HostPath(from));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return await c.Fail($"can't open the host's '{from}': {e.Message}");
        }

        using (source)
        {
            var descriptor = await c.Files.Open(to, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate);
            if (descriptor < 0)
                return await c.Fail($"can't create '{to}'", (Errno)(-descriptor));
            var host = new HostStream(source);
            var status = 0;
            while (status == 0)
            {
                var read = await host.Read(c.Files.Process.BufferLength);
                if (read.Error != Errno.OK)
                    status = await c.Fail($"can't read the host's '{from}'", read.Error);
                else if (read.IsEnd)
                    break;
                else if (await c.Files.WriteAll(descriptor, read.Bytes) is var error and not Errno.OK)
                    status = await c.Fail($"can't write '{to}'", error);
            }

            await c.Files.Close(descriptor);
            return status;
        }
    }

    public static async GuestTask<int> Get(CommandContext c)
    {
        if (c.Arguments is not [var from, var to])
            return await c.Misused();
        var descriptor = await c.Files.Open(from, OpenFlags.ReadOnly);
        if (descriptor < 0)
            return await c.Fail($"can't open '{from}'", (Errno)(-descriptor));
        var status = await CopyOut(c, descriptor, from, to);
        await c.Files.Close(descriptor);
        return status;
    }

    private static async GuestTask<int> CopyOut(CommandContext c, int descriptor, string from, string to)
    {
        var path = c.Shell.HostPath(to);
        if (Directory.Exists(path))
            path = Path.Combine(path, ShellFiles.BaseName(from));
        Stream target;
        try
        {
            target = File.Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return await c.Fail($"can't create the host's '{to}': {e.Message}");
        }

        using (target)
        {
            var host = new HostStream(target);
            for (; ; )
            {
                var read = await c.Files.Read(descriptor, c.Files.Process.BufferLength);
                if (read.Error != Errno.OK)
                    return await c.Fail($"can't read '{from}'", read.Error);
                if (read.IsEnd)
                    return 0;
                if (await host.Write(read.Bytes) != Errno.OK)
                    return await c.Fail($"can't write the host's '{to}'", Errno.EIO);
            }
        }
    }
}
