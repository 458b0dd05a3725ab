using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>mount and umount.</summary>
internal static class MountCommands
{
    private const ulong ReadOnly = 1, Bind = 0x1000, Remount = 0x20, Move = 0x2000, Silent = 0x8000;

    public static async GuestTask<int> Mount(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "t:o:rwBM", ("bind", 'B'), ("move", 'M'));
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        if (options.Operands.Count == 0)
            return await PrintMounts(c);
        if (options.Operands.Count != 2)
            return await c.Misused();
        var (source, target) = (options.Operands[0], options.Operands[1]);
        var flags = options.Has('r') ? Silent | ReadOnly : Silent; // as busybox: a file system is not to log that it has found none
        flags |= options.Has('B') ? Bind : 0;
        flags |= options.Has('M') ? Move : 0;
        var data = new List<string>();
        foreach (var option in options.Values('o').SelectMany(o => o.Split(',', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (Flag(option) is { } flag)
                flags = flag.IsSet ? flags | flag.Bits : flags & ~flag.Bits;
            else
                data.Add(option);
        }

        LoopDevice? loop = null;
        if ((flags & (Bind | Remount | Move)) == 0 && await c.Files.Stat(source) is { Error: Errno.OK, Status.Type: FileType.Regular })
        {
            var (device, problem) = await LoopDevice.Attach(c, source, (flags & ReadOnly) != 0);
            if (problem != Errno.OK)
            {
                await c.Complain($"can't setup loop device: {problem.Message()}");
                return (int)problem;
            }

            (loop, source) = (device, device.Path);
        }

        var error = await MountAny(c, source, target, options.Value('t'), flags, string.Join(',', data));
        if (loop is { } attached)
            await c.Files.Close(attached.Descriptor); // what is mounted keeps the device; otherwise it is free again
        if (error == Errno.OK)
            return 0;
        const int failed = 255; // what busybox's ends with: mount(2)'s result, as far as it fits
        await c.Complain($"mounting {source} on {target} failed: {error.Message()}");
        return failed;
    }

    /// <summary>Mounts with the first type that will do.</summary>
    private static async GuestTask<Errno> MountAny(CommandContext c, string source, string target, string? given, ulong flags, string data)
    {
        var error = Errno.ENOENT; // what busybox says when there is no type to try: of /etc/filesystems
        foreach (var type in await Types(c, source, given, flags))
        {
            error = await Mount(c, source, target, type, flags, data);
            if (error is not (Errno.EINVAL or Errno.ENODEV))
                break;
        }

        return error;
    }

    public static async GuestTask<int> Unmount(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "fl");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        const ulong force = 1, detach = 2;
        var flags = (options.Has('f') ? force : 0) | (options.Has('l') ? detach : 0);
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (await c.Files.CallPath("umount", path, flags) is var error and not Errno.OK)
                status = await c.Fail($"can't unmount {path}", error);
        }

        return status;
    }

    /// <summary>MS_* flags of include/uapi/linux/mount.h by the names of mount(8); null for what the file system itself understands.</summary>
    private static (ulong Bits, bool IsSet)? Flag(string option) => option switch
    {
        "ro" => (0x1, true),
        "rw" => (0x1, false),
        "nosuid" => (0x2, true),
        "suid" => (0x2, false),
        "nodev" => (0x4, true),
        "dev" => (0x4, false),
        "noexec" => (0x8, true),
        "exec" => (0x8, false),
        "sync" => (0x10, true),
        "async" => (0x10, false),
        "remount" => (Remount, true),
        "dirsync" => (0x80, true),
        "noatime" => (0x400, true),
        "atime" => (0x400, false),
        "nodiratime" => (0x800, true),
        "bind" => (Bind, true),
        "rbind" => (Bind | 0x4000, true),
        "silent" => (Silent, true),
        "loud" => (Silent, false),
        "relatime" => (0x200000, true),
        "strictatime" => (0x1000000, true),
        "lazytime" => (0x2000000, true),
        "defaults" or "loop" => (0, true), // a file is mounted through a loop device also where nobody says so
        _ => null,
    };

    private static async GuestTask<Errno> Mount(CommandContext c, string source, string target, string type, ulong flags, string data)
    {
        var sourceAddress = await c.Files.Put(source);
        var targetAddress = await c.Files.Put(target);
        var typeAddress = await c.Files.Put(type);
        var dataAddress = data.Length == 0 ? 0 : await c.Files.Put(data);
        return ShellFiles.ErrorOf(await c.Files.Call("mount", sourceAddress, targetAddress, typeAddress, flags, dataAddress));
    }

    /// <summary>The type that was given, or the one that the device shows, as libblkid tells it to mount(8), and all that this kernel has for devices, in its order.</summary>
    private static async GuestTask<List<string>> Types(CommandContext c, string source, string? given, ulong flags)
    {
        if (given is not null || (flags & (Bind | Remount | Move)) != 0)
            return [given ?? "none"];
        var list = Encoding.UTF8.GetString((await c.Files.ReadFile("/proc/filesystems")).Bytes);
        var shown = await ExtType(c, source);
        return [.. shown is null ? [] : (string[])[shown], .. list.Split('\n').Where(l => l.StartsWith('\t')).Select(l => l.Trim()).Where(type => type != shown)];
    }

    /// <summary>Which of ext2, ext3 and ext4 a device's superblock says, or null. Their driver comes when it is mounted.</summary>
    private static async GuestTask<string?> ExtType(CommandContext c, string device)
    {
        const int superblock = 1024, end = superblock + 104;
        const uint hasJournal = 4, notOfExt3 = ~0x16u; // compatible and incompatible features
        var descriptor = await c.Files.Open(device, OpenFlags.ReadOnly);
        if (descriptor < 0)
            return null;
        var buffer = await c.Files.Take(end);
        var read = await c.Files.Call("read", (ulong)descriptor, buffer, end);
        await c.Files.Close(descriptor);
        if (read != end || await c.Files.Get(buffer, end) is not { } bytes || BitConverter.ToUInt16(bytes, superblock + 56) != 0xef53)
            return null;
        if ((BitConverter.ToUInt32(bytes, superblock + 96) & notOfExt3) != 0)
            return "ext4";
        return (BitConverter.ToUInt32(bytes, superblock + 92) & hasJournal) != 0 ? "ext3" : "ext2";
    }

    private static async GuestTask<int> PrintMounts(CommandContext c)
    {
        var mounts = await c.Files.ReadFile("/proc/self/mounts");
        if (mounts.Error != Errno.OK)
            return await c.Fail("can't open '/proc/self/mounts'", mounts.Error);
        foreach (var line in Encoding.UTF8.GetString(mounts.Bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ');
            if (fields.Length >= 4)
                c.Print($"{fields[0]} on {fields[1]} type {fields[2]} ({fields[3]})\n");
        }

        return 0;
    }
}
