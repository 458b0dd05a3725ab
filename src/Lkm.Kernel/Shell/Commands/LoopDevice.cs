using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>A loop device that stands for a file (include/uapi/linux/loop.h): while somebody has it open or mounted, or until it is let go.</summary>
/// <param name="Path">The device's.</param>
/// <param name="Descriptor">It is open there.</param>
internal readonly record struct LoopDevice(string Path, int Descriptor)
{
    private const ulong GetFree = 0x4c82, SetFile = 0x4c00, ClearFile = 0x4c01, SetStatus = 0x4c04, GetStatus = 0x4c05;
    private const int InfoSize = 232, OffsetAt = 24, FlagsAt = 52, NameAt = 56, NameSize = 64; // struct loop_info64

    /// <summary>Takes a free one, or the one that is named, for a file, as busybox's set_loop() does.</summary>
    /// <param name="c">The command.</param>
    /// <param name="file">The file.</param>
    /// <param name="readOnly">Whether it is only read.</param>
    /// <param name="path">The device; null for a free one.</param>
    /// <param name="offset">Where in the file it begins.</param>
    /// <param name="stays">Whether it goes on to stand for the file when nobody has it open.</param>
    public static async GuestTask<(LoopDevice Device, Errno Error)> Attach(
        CommandContext c, string file, bool readOnly, string? path = null, ulong offset = 0, bool stays = false)
    {
        var mode = readOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite;
        var number = path is null ? await FreeNumber(c) : 0;
        if (number < 0)
            return (default, (Errno)(-number));
        var content = await c.Files.Open(file, mode);
        if (content < 0)
            return (default, (Errno)(-content));
        var isNamed = path is not null;
        path ??= string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
        var device = await c.Files.Open(path, mode);
        if (device == -(int)Errno.ENOENT && !isNamed) // opening it brings the driver
        {
            const ulong blockDevice = 0x6000 | 0x1a4, major = 7;
            await c.Files.CallPath("mknod", path, blockDevice, (major << 8) + (ulong)number);
            device = await c.Files.Open(path, mode);
        }

        var error = device < 0 ? (Errno)(-device) : await Bind(c, device, content, Information(file, offset, stays));
        await c.Files.Close(content);
        if (error != Errno.OK && device >= 0)
            await c.Files.Close(device);
        return error == Errno.OK ? (new LoopDevice(path, device), error) : (default, error);
    }

    /// <summary>The number of a free one; the first, where there is no driver yet. Negative for an errno.</summary>
    public static async GuestTask<int> FreeNumber(CommandContext c)
    {
        var control = await c.Files.Open("/dev/loop-control", OpenFlags.ReadWrite);
        if (control < 0)
            return 0;
        var number = (int)await c.Files.Call("ioctl", (ulong)control, GetFree, 0);
        await c.Files.Close(control);
        return number;
    }

    /// <summary>Lets a device go.</summary>
    public static async GuestTask<Errno> Detach(CommandContext c, string path)
    {
        var device = await c.Files.Open(path, OpenFlags.ReadOnly);
        if (device < 0)
            return (Errno)(-device);
        var error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, ClearFile, 0));
        await c.Files.Close(device);
        return error;
    }

    /// <summary>What a device stands for: the file as it was named, and where in it.</summary>
    public static async GuestTask<(string File, ulong Offset, Errno Error)> Ask(CommandContext c, string path)
    {
        var device = await c.Files.Open(path, OpenFlags.ReadOnly);
        if (device < 0)
            return ("", 0, (Errno)(-device));
        var information = await c.Files.Take(InfoSize);
        var error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, GetStatus, information));
        var bytes = await c.Files.Get(information, InfoSize);
        await c.Files.Close(device);
        return (Encoding.UTF8.GetString(bytes.AsSpan(NameAt, NameSize)).Split('\0')[0], BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(OffsetAt)), error);
    }

    private static byte[] Information(string file, ulong offset, bool stays)
    {
        const uint autoclear = 4;
        var info = new byte[InfoSize];
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(OffsetAt), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(FlagsAt), stays ? 0 : autoclear);
        var name = Encoding.UTF8.GetBytes(file);
        name.AsSpan(0, Math.Min(name.Length, NameSize - 1)).CopyTo(info.AsSpan(NameAt));
        return info;
    }

    private static async GuestTask<Errno> Bind(CommandContext c, int device, int content, byte[] information)
    {
        if (ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, SetFile, (ulong)content)) is var error and not Errno.OK)
            return error;
        error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, SetStatus, await c.Files.Process.Put(information)));
        if (error != Errno.OK)
            await c.Files.Call("ioctl", (ulong)device, ClearFile, 0);
        return error;
    }
}
