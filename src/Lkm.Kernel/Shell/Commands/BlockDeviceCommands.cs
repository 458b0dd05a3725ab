using System.Buffers.Binary;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>blockdev, and swap space: mkswap, swapon, swapoff.</summary>
internal static class BlockDeviceCommands
{
    private const int PageSize = 4096, SectorSize = 512;
    private const ulong DeviceSize = 0x80081272; // BLKGETSIZE64

    /// <summary>What blockdev asks, by which ioctl of include/uapi/linux/fs.h; how many bytes it gets, and in what unit that is.</summary>
    private static readonly (string Option, ulong Request, int Size, int Unit)[] Questions =
    [
        ("--getro", 0x125e, 4, 1), ("--getss", 0x1268, 4, 1), ("--getbsz", 0x80081270, 4, 1), ("--getsize64", DeviceSize, 8, 1),
        ("--getsz", DeviceSize, 8, SectorSize), ("--getra", 0x1263, 8, 1),
    ];

    /// <summary>What blockdev does; those that set read-only take the address of a number.</summary>
    private static readonly (string Option, ulong Request, int? Value)[] Orders =
    [
        ("--setro", 0x125d, 1), ("--setrw", 0x125d, 0), ("--flushbufs", 0x1261, null), ("--rereadpt", 0x125f, null),
    ];

    /// <summary>blockdev OPTION DEVICE.</summary>
    public static async GuestTask<int> Control(CommandContext c)
    {
        if (c.Arguments is not [var option, var path])
            return await c.Misused();
        var question = Array.Find(Questions, q => q.Option == option);
        var order = Array.Find(Orders, o => o.Option == option);
        if (question.Option is null && order.Option is null)
            return await c.Misused();
        var descriptor = await c.Files.Open(path, OpenFlags.ReadOnly);
        if (descriptor < 0)
            return await c.Fail(path, (Errno)(-descriptor));
        ulong argument = 0;
        if (question.Option is not null)
            argument = await c.Files.Take(sizeof(ulong));
        else if (order.Value is { } value)
            argument = await c.Files.Process.Put(BitConverter.GetBytes(value));
        var error = ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)descriptor, question.Option is null ? order.Request : question.Request, argument));
        if (error == Errno.OK && question.Option is not null)
        {
            var bytes = await c.Files.Get(argument, sizeof(ulong));
            c.Print($"{(question.Size == 4 ? BitConverter.ToUInt32(bytes) : BitConverter.ToUInt64(bytes)) / (uint)question.Unit}\n");
        }

        await c.Files.Close(descriptor);
        return error == Errno.OK ? 0 : await c.Fail("ioctl", error); // busybox does not say of which device
    }

    /// <summary>mkswap [-L LABEL] DEVICE: union swap_header of include/linux/swap.h in the first page.</summary>
    public static async GuestTask<int> MakeSwap(CommandContext c)
    {
        const int headerAt = 1024, lastPageAt = headerAt + 4, uuidAt = headerAt + 12, labelAt = uuidAt + 16, labelSize = 16;
        var options = Options.Read(c.Arguments, "L:");
        if (options.Problem is not null || options.Operands is not [var path])
            return await c.Misused(options.Problem);
        var descriptor = await c.Files.Open(path, OpenFlags.WriteOnly);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        var length = await Length(c, descriptor);
        if (length < 10 * PageSize)
        {
            await c.Files.Close(descriptor);
            return await c.Fail("swap space needs to be at least 40KiB");
        }

        var page = new byte[PageSize];
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(headerAt), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(lastPageAt), (uint)((length / PageSize) - 1));
        var uuid = await c.Files.RandomUuid();
        uuid.CopyTo(page, uuidAt);
        if (options.Value('L') is { } label)
            Encoding.UTF8.GetBytes(label).AsSpan(0, Math.Min(labelSize, Encoding.UTF8.GetByteCount(label))).CopyTo(page.AsSpan(labelAt));
        "SWAPSPACE2"u8.CopyTo(page.AsSpan(PageSize - 10));
        c.Print($"Setting up swapspace version 1, size = {(length / PageSize * PageSize) - PageSize} bytes\n");
        if (options.Value('L') is { } named)
            c.Print($"LABEL={named}, ");
        c.Print($"UUID={new Guid(uuid, bigEndian: true)}\n");
        // As busybox does it, in pieces: a device sees its page read before it is written.
        var error = await c.Files.WriteAll(descriptor, page[..headerAt]);
        if (error == Errno.OK)
            error = await c.Files.WriteAll(descriptor, page[headerAt..]);
        if (error == Errno.OK)
            error = ShellFiles.ErrorOf(await c.Files.Call("fsync", (ulong)descriptor));
        await c.Files.Close(descriptor);
        return error == Errno.OK ? 0 : await c.Fail(path, error);
    }

    /// <summary>swapon DEVICE...</summary>
    public static GuestTask<int> SwapOn(CommandContext c) => Swap(c, "swapon");

    /// <summary>swapoff DEVICE...</summary>
    public static GuestTask<int> SwapOff(CommandContext c) => Swap(c, "swapoff");

    private static async GuestTask<int> Swap(CommandContext c, string call)
    {
        var options = Options.Read(c.Arguments, "a");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (await c.Files.CallPath(call, path, 0) is var error and not Errno.OK)
                status = await c.Fail(path, error);
        }

        return status;
    }

    /// <summary>What a device or a file holds, in bytes.</summary>
    private static async GuestTask<long> Length(CommandContext c, int descriptor)
    {
        const ulong end = 2; // SEEK_END
        var length = await c.Files.Call("lseek", (ulong)descriptor, 0, end);
        await c.Files.Call("lseek", (ulong)descriptor, 0, 0);
        return length;
    }
}
