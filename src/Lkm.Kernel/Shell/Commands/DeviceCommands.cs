using System.Buffers.Binary;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Calls that devices answer in their own way: ioctl, poll and mmap.</summary>
internal static class DeviceCommands
{
    private static readonly (string Name, ushort Bits)[] PollEvents =
    [
        ("in", 0x1), ("pri", 0x2), ("out", 0x4), ("err", 0x8), ("hup", 0x10), ("nval", 0x20), ("rdnorm", 0x40), ("rdband", 0x80),
        ("wrnorm", 0x100), ("wrband", 0x200), ("rdhup", 0x2000),
    ];

    public static async GuestTask<int> Ioctl(CommandContext c)
    {
        if (c.Arguments.Count is not (2 or 3))
            return await c.Misused();
        var path = c.Arguments[0];
        if (!IoctlRequest.TryParse(c.Arguments[1], out var request))
            return await c.Fail($"invalid request '{c.Arguments[1]}': a number, or '_IOR(TYPE,NR,SIZE)' with _IO, _IOR, _IOW or _IOWR");
        byte[]? bytes = null;
        var argument = 0UL;
        if (c.Arguments.Count == 3 && !TryArgument(c.Arguments[2], out argument, out bytes))
            return await c.Fail($"invalid argument '{c.Arguments[2]}': a number, hex:BYTES or str:TEXT");
        if (bytes?.Length > c.Files.Process.BufferLength)
            return await c.Fail($"the argument is longer than {c.Files.Process.BufferLength} bytes");
        var descriptor = await OpenDevice(c, path);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        if (bytes is not null)
            argument = await c.Files.Process.Put(bytes);

        // An ioctl may return any number that fits no errno.
        var result = (int)await c.Files.Call("ioctl", (ulong)descriptor, request, argument);
        var error = ShellFiles.ErrorOf(result);
        if (error == Errno.OK)
        {
            c.Print($"{result}\n");
            if (bytes is not null)
                c.Print($"hex:{Convert.ToHexStringLower(await c.Files.Get(argument, bytes.Length))}\n");
        }

        await c.Files.Close(descriptor);
        return error == Errno.OK ? 0 : await c.Fail(path, error);
    }

    public static async GuestTask<int> Poll(CommandContext c)
    {
        if (c.Arguments.Count is < 1 or > 3)
            return await c.Misused();
        var path = c.Arguments[0];
        ushort events = 0;
        foreach (var name in (c.Arguments.Count > 1 ? c.Arguments[1] : "in").Split(',', '|'))
        {
            if (PollEvents.FirstOrDefault(e => e.Name == name).Bits is var bits and not 0)
                events |= bits;
            else
                return await c.Fail($"invalid event '{name}': in, pri, out, rdnorm, rdband, wrnorm, wrband, rdhup");
        }

        var timeout = 0;
        if (c.Arguments.Count > 2 && !int.TryParse(c.Arguments[2], out timeout))
            return await c.Fail($"invalid timeout '{c.Arguments[2]}'");
        var descriptor = await OpenDevice(c, path);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));

        // struct pollfd: fd, events, revents.
        var pollfd = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(pollfd, descriptor);
        BinaryPrimitives.WriteUInt16LittleEndian(pollfd.AsSpan(4), events);
        var address = await c.Files.Process.Put(pollfd);
        var result = await c.Files.Call("poll", address, 1, (ulong)timeout);
        var returned = BinaryPrimitives.ReadUInt16LittleEndian((await c.Files.Get(address, pollfd.Length)).AsSpan(6));
        await c.Files.Close(descriptor);
        if (ShellFiles.ErrorOf(result) is var error and not Errno.OK)
            return await c.Fail(path, error);
        c.Print(result == 0 ? "timeout\n" : string.Join(' ', PollEvents.Where(e => (e.Bits & returned) != 0).Select(e => e.Name)) + "\n");
        return result == 0 ? 1 : 0;
    }

    public static async GuestTask<int> MemoryMap(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "w:");
        if (options.Problem is not null || options.Operands.Count != 3)
            return await c.Misused(options.Problem);
        var path = options.Operands[0];
        if (!Numbers.TrySize(options.Operands[1], out var offset))
            return await c.Fail($"invalid offset '{options.Operands[1]}'");
        if (!Numbers.TrySize(options.Operands[2], out var length) || length is 0 or > 1 << 30)
            return await c.Fail($"invalid length '{options.Operands[2]}'");
        var changes = new List<(long Offset, byte[] Bytes)>();
        foreach (var text in options.Values('w'))
        {
            var colon = text.IndexOf(':');
            if (colon < 0 || !Numbers.TrySize(text[..colon], out var at) || !Numbers.TryBytes(text[(colon + 1)..], out var bytes)
                || at > length - bytes.Length)
            {
                return await c.Fail($"invalid change '{text}': OFFSET:HEXBYTES within the mapping");
            }

            changes.Add((at, bytes));
        }

        var descriptor = await c.Files.Open(path, changes.Count > 0 ? OpenFlags.ReadWrite : OpenFlags.ReadOnly);
        if (descriptor < 0)
            return await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        const ulong read = 1, write = 2, shared = 1;
        var protection = changes.Count > 0 ? read | write : read;
        var address = await c.Files.Call("mmap", 0, (ulong)length, protection, shared, (ulong)descriptor, (ulong)offset);
        var status = ShellFiles.ErrorOf(address) is var error and not Errno.OK
            ? await c.Fail(path, error)
            : await UseMapping(c, path, (ulong)address, (int)length, changes);
        await c.Files.Close(descriptor);
        return status;
    }

    private static async GuestTask<int> UseMapping(
        CommandContext c, string path, ulong address, int length, List<(long Offset, byte[] Bytes)> changes)
    {
        var process = c.Files.Process;
        var status = 0;
        foreach (var (at, bytes) in changes)
        {
            if (status == 0 && !await process.TryWrite(address + (ulong)at, bytes))
                status = await c.Fail($"{path}: the mapping cannot be written at 0x{at:x}");
        }

        const int pageSize = 4096;
        for (var at = 0; status == 0 && at < length && !c.OutputFailed; at += pageSize)
        {
            if (await process.TryRead(address + (ulong)at, Math.Min(pageSize, length - at)) is not { } bytes)
            {
                status = await c.Fail($"{path}: the mapping cannot be read at 0x{at:x}");
                break;
            }

            c.Print(bytes);
            await c.FlushIfLong();
        }

        await c.Files.Call("munmap", address, (ulong)length);
        return status;
    }

    /// <summary>Opens for reading and writing, or for what the file allows.</summary>
    private static async GuestTask<int> OpenDevice(CommandContext c, string path)
    {
        var descriptor = await c.Files.Open(path, OpenFlags.ReadWrite | OpenFlags.NonBlocking);
        if (descriptor is -(int)Errno.EACCES or -(int)Errno.EISDIR or -(int)Errno.EROFS or -(int)Errno.EPERM or -(int)Errno.EINVAL)
            descriptor = await c.Files.Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
        return descriptor;
    }

    private static bool TryArgument(string text, out ulong argument, out byte[]? bytes)
    {
        bytes = null;
        argument = 0;
        if (text.StartsWith("hex:", StringComparison.Ordinal))
            return Numbers.TryBytes(text[4..], out bytes);
        if (text.StartsWith("str:", StringComparison.Ordinal))
        {
            bytes = Encoding.UTF8.GetBytes(text[4..] + "\0");
            return true;
        }

        if (!text.StartsWith('-'))
            return Numbers.TryUnsigned(text, out argument);
        var isNumber = Numbers.TryUnsigned(text[1..], out argument);
        argument = 0 - argument;
        return isNumber;
    }
}
