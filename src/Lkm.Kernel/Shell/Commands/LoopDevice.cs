using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>A loop device that stands for a file while somebody has it open or mounted (include/uapi/linux/loop.h).</summary>
/// <param name="Path">The device's.</param>
/// <param name="Descriptor">It is open there.</param>
internal readonly record struct LoopDevice(string Path, int Descriptor)
{
    private const ulong GetFree = 0x4c82, SetFile = 0x4c00, ClearFile = 0x4c01, SetStatus = 0x4c04;

    /// <summary>Takes a free one for a file, as busybox's set_loop() does.</summary>
    /// <param name="c">The command.</param>
    /// <param name="file">The file.</param>
    /// <param name="readOnly">Whether it is only read.</param>
    public static async GuestTask<(LoopDevice Device, Errno Error)> Attach(CommandContext c, string file, bool readOnly)
    {
        var mode = readOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite;
        var number = await FreeNumber(c);
        if (number < 0)
            return (default, (Errno)(-number));
        var content = await c.Files.Open(file, mode);
        if (content < 0)
            return (default, (Errno)(-content));
        var path = string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
        var device = await c.Files.Open(path, mode);
        if (device == -(int)Errno.ENOENT) // opening it brings the driver
        {
            const ulong blockDevice = 0x6000 | 0x1a4, major = 7;
            await c.Files.CallPath("mknod", path, blockDevice, (major << 8) + (ulong)number);
            device = await c.Files.Open(path, mode);
        }

        var error = device < 0 ? (Errno)(-device) : await Bind(c, device, content, file);
        await c.Files.Close(content);
        if (error != Errno.OK && device >= 0)
            await c.Files.Close(device);
        return error == Errno.OK ? (new LoopDevice(path, device), error) : (default, error);
    }

    /// <summary>The number of a free one; the first, where there is no driver yet. Negative for an errno.</summary>
    private static async GuestTask<int> FreeNumber(CommandContext c)
    {
        var control = await c.Files.Open("/dev/loop-control", OpenFlags.ReadWrite);
        if (control < 0)
            return 0;
        var number = (int)await c.Files.Call("ioctl", (ulong)control, GetFree, 0);
        await c.Files.Close(control);
        return number;
    }

    private static async GuestTask<Errno> Bind(CommandContext c, int device, int content, string file)
    {
        const int infoSize = 232, flagsAt = 52, nameAt = 56, nameSize = 64; // struct loop_info64
        const uint autoclear = 4;
        if (ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, SetFile, (ulong)content)) is var error and not Errno.OK)
            return error;
        var info = new byte[infoSize];
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(flagsAt), autoclear);
        var name = Encoding.UTF8.GetBytes(file);
        name.AsSpan(0, Math.Min(name.Length, nameSize - 1)).CopyTo(info.AsSpan(nameAt));
        error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)device, SetStatus, await c.Files.Process.Put(info)));
        if (error != Errno.OK)
            await c.Files.Call("ioctl", (ulong)device, ClearFile, 0);
        return error;
    }
}
