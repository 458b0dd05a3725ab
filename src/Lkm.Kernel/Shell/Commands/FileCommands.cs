using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands that make, name and remove files: mkdir, rmdir, rm, mv, ln, readlink, mknod, touch, truncate.</summary>
internal static class FileCommands
{
    private const ulong CurrentDirectory = unchecked((ulong)-100); // AT_FDCWD

    public static async GuestTask<int> MakeDirectory(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "pm:");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var mode = 0x1ffu; // 0777
        if (options.Value('m') is { } text && !Numbers.TryOctal(text, out mode))
            return await c.Fail($"invalid mode '{text}'");
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (options.Has('p'))
            {
                for (var slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
                    _ = await c.Files.CallPath("mkdir", path[..slash], 0x1ff);
            }

            var error = await c.Files.CallPath("mkdir", path, mode);
            if (error == Errno.EEXIST && options.Has('p') && (await c.Files.Stat(path)).Status.Type == FileType.Directory)
                continue;
            if (error != Errno.OK)
                status = await c.Fail($"can't create directory '{path}'", error);
        }

        return status;
    }

    public static async GuestTask<int> RemoveDirectory(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (await c.Files.CallPath("rmdir", path) is var error and not Errno.OK)
                status = await c.Fail($"'{path}'", error);
        }

        return status;
    }

    public static async GuestTask<int> Remove(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "rRf");
        if (options.Problem is not null || (options.Operands.Count == 0 && !options.Has('f')))
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
            status |= await Remove(c, path, options.Has('r') || options.Has('R'), options.Has('f'));
        return status;
    }

    public static async GuestTask<int> Move(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "f");
        if (options.Problem is not null || options.Operands.Count < 2)
            return await c.Misused(options.Problem);
        return await Destinations.ForEach(c, options.Operands, async (from, to) =>
            await c.Files.CallPaths("rename", from, to) is var error and not Errno.OK ? await c.Fail($"can't rename '{from}'", error) : 0);
    }

    public static async GuestTask<int> Link(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "sf");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        if (options.Operands.Count == 1)
            options.Operands.Add(".");
        return await Destinations.ForEach(c, options.Operands, async (from, to) =>
        {
            if (options.Has('f'))
                _ = await c.Files.CallPath("unlink", to);
            var error = await c.Files.CallPaths(options.Has('s') ? "symlink" : "link", from, to);
            return error == Errno.OK ? 0 : await c.Fail(to, error);
        });
    }

    public static async GuestTask<int> ReadLink(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "n");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            var (target, error) = await c.Files.ReadLink(path);
            if (error != Errno.OK)
                status = 1;
            else
                c.Print(options.Has('n') ? target : target + "\n");
        }

        return status;
    }

    public static async GuestTask<int> MakeNode(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "m:");
        if (options.Problem is not null || options.Operands.Count is not (2 or 4))
            return await c.Misused(options.Problem);
        var operands = options.Operands;
        var permissions = 0x1b6u; // 0666
        if (options.Value('m') is { } text && !Numbers.TryOctal(text, out permissions))
            return await c.Fail($"invalid mode '{text}'");
        var type = operands[1] switch
        {
            "c" or "u" => FileType.CharacterDevice,
            "b" => FileType.BlockDevice,
            "p" => FileType.Pipe,
            _ => default,
        };
        if (type == default || (type == FileType.Pipe) != (operands.Count == 2))
            return await c.Misused();
        ulong major = 0, minor = 0;
        if (operands.Count == 4 && !Numbers.TryUnsigned(operands[2], out major) | major > 0xfff)
            return await c.Fail($"invalid number '{operands[2]}'");
        if (operands.Count == 4 && !Numbers.TryUnsigned(operands[3], out minor) | minor > 0xfffff)
            return await c.Fail($"invalid number '{operands[3]}'");
        var error = await c.Files.CallPath("mknod", operands[0], (uint)type | permissions, DeviceNumber.Make((uint)major, (uint)minor));
        return error == Errno.OK ? 0 : await c.Fail(operands[0], error);
    }

    public static async GuestTask<int> Touch(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "c");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            // No times are the present one.
            var error = ShellFiles.ErrorOf(await c.Files.Call("utimensat", CurrentDirectory, await c.Files.Put(path)));
            if (error == Errno.ENOENT)
            {
                if (options.Has('c'))
                    continue;
                var descriptor = await c.Files.Open(path, OpenFlags.ReadWrite | OpenFlags.Create);
                error = descriptor < 0 ? (Errno)(-descriptor) : await c.Files.Close(descriptor);
            }

            if (error != Errno.OK)
                status = await c.Fail(path, error);
        }

        return status;
    }

    public static async GuestTask<int> Truncate(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "cs:");
        if (options.Problem is not null || options.Operands.Count == 0 || options.Value('s') is not { } text)
            return await c.Misused(options.Problem);
        if (!Numbers.TrySize(text.TrimStart('+', '-'), out var size))
            return await c.Fail($"invalid number '{text}'");
        var status = 0;
        foreach (var path in options.Operands)
        {
            var descriptor = await c.Files.Open(path, options.Has('c') ? OpenFlags.WriteOnly : OpenFlags.WriteOnly | OpenFlags.Create);
            if (descriptor == -(int)Errno.ENOENT && options.Has('c'))
                continue;
            if (descriptor < 0)
            {
                status = await c.Fail($"{path}: open", (Errno)(-descriptor));
                continue;
            }

            var old = (await c.Files.Stat(path)).Status.Size;
            var wanted = text[0] switch { '+' => old + size, '-' => Math.Max(old - size, 0), _ => size };
            if (ShellFiles.ErrorOf(await c.Files.Call("ftruncate", (ulong)descriptor, (ulong)wanted)) is var error and not Errno.OK)
                status = await c.Fail($"{path}: truncate", error);
            await c.Files.Close(descriptor);
        }

        return status;
    }

    private static async GuestTask<int> Remove(CommandContext c, string path, bool recursively, bool force)
    {
        var (stat, error) = await c.Files.Stat(path, follow: false);
        if (error == Errno.ENOENT && force)
            return 0;
        if (error != Errno.OK)
            return await c.Fail($"can't remove '{path}'", error);
        var isDirectory = stat.Type == FileType.Directory;
        if (isDirectory && !recursively)
            return await c.Fail($"'{path}' is a directory");
        var status = 0;
        if (isDirectory)
        {
            (var entries, error) = await c.Files.ReadDirectory(path);
            if (error != Errno.OK)
                return await c.Fail($"can't open '{path}'", error);
            foreach (var (name, _) in entries)
            {
                if (name is not ("." or ".."))
                    status |= await Remove(c, ShellFiles.Combine(path, name), recursively, force);
            }
        }

        error = await c.Files.CallPath(isDirectory ? "rmdir" : "unlink", path);
        return error == Errno.OK ? status : await c.Fail($"can't remove '{path}'", error);
    }
}
