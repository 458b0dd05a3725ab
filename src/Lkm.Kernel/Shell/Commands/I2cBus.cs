using System.Buffers.Binary;
using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What a transfer moves (include/uapi/linux/i2c.h).</summary>
internal enum I2cTransfer
{
    Quick = 0,
    Byte = 1,
    ByteData = 2,
    WordData = 3,
}

/// <summary>An I2C adapter that is open by its device file (include/uapi/linux/i2c-dev.h).</summary>
/// <param name="c">The command.</param>
/// <param name="descriptor">Where it is open.</param>
internal sealed class I2cBus(CommandContext c, int descriptor)
{
    /// <summary>I2C_FUNC_I2C: it takes messages of any form.</summary>
    public const ulong PlainMessages = 1;

    private const ulong Slave = 0x703, SlaveByForce = 0x706, AskFunctions = 0x705, Smbus = 0x720;

    /// <summary>What i2cdetect -F tells of, and the bit that says so.</summary>
    public static IReadOnlyList<(ulong Bit, string Name)> Functions { get; } =
    [
        (PlainMessages, "I2C"), (0x10000, "SMBus quick command"), (0x40000, "SMBus send byte"), (0x20000, "SMBus receive byte"), (0x100000, "SMBus write byte"),
        (0x80000, "SMBus read byte"), (0x400000, "SMBus write word"), (0x200000, "SMBus read word"), (0x800000, "SMBus process call"),
        (0x2000000, "SMBus block write"), (0x1000000, "SMBus block read"), (0x8000, "SMBus block process call"), (8, "SMBus PEC"),
        (0x8000000, "I2C block write"), (0x4000000, "I2C block read"),
    ];

    /// <summary>The bit of what a transfer needs, and its name.</summary>
    /// <param name="transfer">What it moves.</param>
    /// <param name="isRead">Whether from the chip.</param>
    public static (ulong Bit, string Name) Needs(I2cTransfer transfer, bool isRead)
    {
        var name = transfer switch
        {
            I2cTransfer.Quick => "SMBus quick command",
            I2cTransfer.Byte => isRead ? "SMBus receive byte" : "SMBus send byte",
            I2cTransfer.WordData => isRead ? "SMBus read word" : "SMBus write word",
            _ => isRead ? "SMBus read byte" : "SMBus write byte",
        };
        return Functions.First(function => function.Name == name);
    }

    /// <summary>Opens an adapter, or fails as busybox does.</summary>
    public static async GuestTask<I2cBus?> Open(CommandContext c, ulong number)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"/dev/i2c-{number}");
        var descriptor = await c.Files.Open(path, OpenFlags.ReadWrite);
        if (descriptor == -(int)Errno.ENOENT)
        {
            path = string.Create(CultureInfo.InvariantCulture, $"/dev/i2c/{number}");
            descriptor = await c.Files.Open(path, OpenFlags.ReadWrite);
        }

        if (descriptor >= 0)
            return new I2cBus(c, descriptor);
        await c.Fail($"can't open '{path}'", (Errno)(-descriptor));
        return null;
    }

    /// <summary>What it can do: bits of I2C_FUNC_*.</summary>
    public async GuestTask<ulong> Abilities()
    {
        var address = await c.Files.Take(sizeof(ulong));
        await c.Files.Call("ioctl", (ulong)descriptor, AskFunctions, address);
        return BinaryPrimitives.ReadUInt64LittleEndian(await c.Files.Get(address, sizeof(ulong)));
    }

    /// <summary>Says which chip is meant; one that a driver has is given by force only.</summary>
    public async GuestTask<Errno> Select(ulong chip, bool byForce = false) =>
        ShellFiles.ErrorOf(await c.Files.Call("ioctl", (ulong)descriptor, byForce ? SlaveByForce : Slave, chip));

    /// <summary>One transfer from the chip; the value, or a negative errno.</summary>
    public GuestTask<int> Read(I2cTransfer transfer, ulong register = 0) => Transfer(true, transfer, register, 0);

    /// <summary>One transfer to the chip; a negative errno where it failed.</summary>
    public GuestTask<int> Write(I2cTransfer transfer, ulong register, ulong value = 0) => Transfer(false, transfer, register, value);

    public GuestTask<Errno> Close() => c.Files.Close(descriptor);

    private async GuestTask<int> Transfer(bool isRead, I2cTransfer transfer, ulong register, ulong value)
    {
        const int dataSize = 34, requestSize = 16; // union i2c_smbus_data, struct i2c_smbus_ioctl_data
        var data = new byte[dataSize];
        BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value);
        var hasData = transfer is I2cTransfer.ByteData or I2cTransfer.WordData || (isRead && transfer == I2cTransfer.Byte);
        var address = hasData ? await c.Files.Process.Put(data) : 0;
        var request = new byte[requestSize];
        (request[0], request[1], request[4]) = (isRead ? (byte)1 : (byte)0, (byte)register, (byte)transfer);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), address);
        var result = await c.Files.Call("ioctl", (ulong)descriptor, Smbus, await c.Files.Process.Put(request));
        if (ShellFiles.ErrorOf(result) is var error and not Errno.OK)
            return -(int)error;
        if (!isRead || !hasData)
            return 0;
        var bytes = await c.Files.Get(address, sizeof(ushort));
        return transfer == I2cTransfer.WordData ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : bytes[0];
    }
}
