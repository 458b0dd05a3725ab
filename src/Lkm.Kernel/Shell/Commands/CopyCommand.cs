using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>cp, of files and trees.</summary>
internal static class CopyCommand
{
    private const int ReadSize = 64 * 1024;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "rRf");
        if (options.Problem is not null || options.Operands.Count < 2)
            return await c.Misused(options.Problem);
        var recursively = options.Has('r') || options.Has('R');
        return await Destinations.ForEach(c, options.Operands, (from, to) => Copy(c, from, to, recursively, depth: 0));
    }

    private static async GuestTask<int> Copy(CommandContext c, string from, string to, bool recursively, int depth)
    {
        var (stat, error) = await c.Files.Stat(from, follow: !recursively);
        if (error != Errno.OK)
            return await c.Fail($"can't stat '{from}'", error);
        if (recursively)
        {
            switch (stat.Type)
            {
                case FileType.Directory:
                    return await CopyDirectory(c, from, to, stat, depth);
                case FileType.Link:
                    error = await c.Files.CallPaths("symlink", (await c.Files.ReadLink(from)).Target, to);
                    return error == Errno.OK ? 0 : await c.Fail($"can't create symlink '{to}'", error);
                case FileType.CharacterDevice or FileType.BlockDevice or FileType.Pipe:
                    error = await c.Files.CallPath("mknod", to, stat.Mode, stat.RawDevice);
                    return error == Errno.OK ? 0 : await c.Fail($"can't create '{to}'", error);
            }
        }

        if (stat.Type == FileType.Directory)
            return await c.Fail($"omitting directory '{from}'");
        var (other, otherError) = await c.Files.Stat(to);
        if (otherError == Errno.OK && (other.Device, other.Inode) == (stat.Device, stat.Inode))
            return await c.Fail($"'{from}' and '{to}' are the same file");
        return await CopyContent(c, from, to, stat.Permissions);
    }

    private static async GuestTask<int> CopyDirectory(CommandContext c, string from, string to, FileStatus stat, int depth)
    {
        const int deepest = 256;
        if (depth > deepest)
            return await c.Fail($"recursion detected, omitting directory '{from}'");
        const uint ownerMayWrite = 0x1c0; // 0700
        var error = await c.Files.CallPath("mkdir", to, stat.Permissions | ownerMayWrite);
        if (error is not (Errno.OK or Errno.EEXIST))
            return await c.Fail($"can't create directory '{to}'", error);
        (var entries, error) = await c.Files.ReadDirectory(from);
        if (error != Errno.OK)
            return await c.Fail($"can't open '{from}'", error);
        var status = 0;
        foreach (var (name, _) in entries)
        {
            if (name is not ("." or ".."))
                status |= await Copy(c, ShellFiles.Combine(from, name), ShellFiles.Combine(to, name), recursively: true, depth + 1);
        }

        return status;
    }

    private static async GuestTask<int> CopyContent(CommandContext c, string from, string to, uint permissions)
    {
        var input = await c.Files.Open(from, OpenFlags.ReadOnly);
        if (input < 0)
            return await c.Fail($"can't open '{from}'", (Errno)(-input));
        var output = await c.Files.Open(to, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, permissions);
        var status = output < 0 ? await c.Fail($"can't create '{to}'", (Errno)(-output)) : 0;
        while (status == 0)
        {
            ReadResult read = await c.Files.Read(input, ReadSize);
            if (read.Error != Errno.OK)
                status = await c.Fail("read error", read.Error);
            else if (read.IsEnd)
                break;
            else if (await c.Files.WriteAll(output, read.Bytes) is var error and not Errno.OK)
                status = await c.Fail("write error", error);
        }

        await c.Files.Close(input);
        if (output >= 0)
            await c.Files.Close(output);
        return status;
    }
}
