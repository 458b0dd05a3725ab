using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>mke2fs: an empty ext2 file system on a device or in a file, as busybox makes it. ext3 and ext4 mount it too.</summary>
internal static class MakeExt2Command
{
    /// <summary>mke2fs [OPTION]... DEVICE [KIBIBYTES].</summary>
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "b:i:I:m:L:FnqvjcT:E:O:");
        if (options.Problem is not null || options.Operands.Count is 0 or > 2)
            return await c.Misused(options.Problem);
        var path = options.Operands[0];
        foreach (var letter in "bimI")
        {
            if (options.Value(letter) is { } text && !uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                return await c.Fail($"invalid number '{text}'");
        }

        var descriptor = await c.Files.Open(path, OpenFlags.WriteOnly);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        var status = await Format(c, options, path, descriptor);
        await c.Files.Close(descriptor);
        return status;
    }

    private static async GuestTask<int> Format(CommandContext c, Options options, string path, int descriptor)
    {
        const ulong end = 2; // SEEK_END
        var isDevice = (await c.Files.Stat(path)).Status is var file && file.Type == FileType.BlockDevice;
        if (!isDevice && !options.Has('F'))
            return await c.Fail($"{path}: not a block device");
        if (isDevice && await IsMounted(c, path, file.RawDevice))
            return await c.Fail("can't format mounted filesystem");
        ulong kibibytes;
        if (options.Operands.Count == 1)
            kibibytes = (ulong)await c.Files.Call("lseek", (ulong)descriptor, 0, end) / 1024;
        else if (!ulong.TryParse(options.Operands[1], NumberStyles.None, CultureInfo.InvariantCulture, out kibibytes))
            return await c.Fail($"invalid number '{options.Operands[1]}'");
        var (geometry, problem) = Ext2Geometry.For(new Ext2Request(kibibytes, Number('b'), Number('i'), Number('I'), Number('m') ?? 5));
        if (geometry is null)
            return await c.Fail(problem);
        var label = options.Value('L') ?? "";
        c.Print(geometry.Describe(label));
        if (options.Has('n'))
            return 0;
        var time = await c.Files.Take(16);
        await c.Files.Call("clock_gettime", 0, time);
        var seconds = BitConverter.ToUInt32(await c.Files.Get(time, sizeof(uint)));
        var image = new Ext2Image(geometry, new Ext2Identity(label, seconds, await c.Files.RandomUuid(), await c.Files.RandomUuid()));
        foreach (var (at, bytes) in image.Pieces())
        {
            await c.Files.Call("lseek", (ulong)descriptor, (ulong)at, 0);
            if (await c.Files.WriteAll(descriptor, bytes) is var error and not Errno.OK)
                return await c.Fail("short write", error);
        }

        return 0;

        uint? Number(char letter) =>
            options.Value(letter) is { } text ? uint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Whether the device is one of /proc/mounts, by its name or its number.</summary>
    private static async GuestTask<bool> IsMounted(CommandContext c, string path, ulong device)
    {
        foreach (var line in Encoding.UTF8.GetString((await c.Files.ReadFile("/proc/mounts")).Bytes).Split('\n'))
        {
            if (line.Split(' ') is [var source, var point, ..]
                && (source == path || ((await c.Files.Stat(point)) is { Error: Errno.OK, Status: var status } && status.Device == device)))
            {
                return true;
            }
        }

        return false;
    }
}
