using Lkm.Kernel.Devices;

namespace Lkm.Kernel.Boot;

/// <summary>
/// The devices of the board in ACPI's machine language (ACPI specification, chapter 20), each with its identifier and resources (6.4), in the
/// order of QEMU's "pc": so Linux's PNP layer finds keyboard controller, mouse, serial port and clock, and numbers them.
/// </summary>
internal static class AcpiNamespace
{
    private const byte ScopeOp = 0x10, BufferOp = 0x11, NameOp = 0x08, ExtendedPrefix = 0x5b, DeviceOp = 0x82, BytePrefix = 0x0a, DoubleWordPrefix = 0x0c;

    private static readonly byte[] s_code = Scope(
        "\\_SB_"u8,
        Device("KBD_"u8, 0x0303, [.. Ports(0x60, 1), .. Ports(0x64, 1), .. Interrupt(1)]),
        Device("MOU_"u8, 0x0f13, Interrupt(12)),
        Device("COM1"u8, 0x0501, [.. Ports(SerialPort.Base, SerialPort.Ports), .. Interrupt(SerialPort.Irq)]),
        Device("RTC_"u8, 0x0b00, [.. Ports(0x70, 8), .. Interrupt(8)]));

    /// <summary>Bytes that <see cref="Write"/> writes.</summary>
    public static int Size => s_code.Length;

    /// <summary>Writes the code.</summary>
    public static void Write(Span<byte> table) => s_code.CopyTo(table);

    private static byte[] Scope(ReadOnlySpan<byte> name, params ReadOnlySpan<byte[]> objects)
    {
        byte[] body = [.. name];
        foreach (var one in objects)
            body = [.. body, .. one];
        return [ScopeOp, .. Package(body)];
    }

    /// <summary>A device of the PNP group, which Microsoft has numbered.</summary>
    private static byte[] Device(ReadOnlySpan<byte> name, int number, ReadOnlySpan<byte> resources)
    {
        const byte endTag = 0x79;
        byte[] list = [.. resources, endTag, 0];
        byte[] body =
        [
            .. name,
            NameOp, .. "_HID"u8, DoubleWordPrefix, 0x41, 0xd0, (byte)(number >> 8), (byte)number, // "PNP", five bits a letter
            NameOp, .. "_CRS"u8, BufferOp, .. Package([BytePrefix, (byte)list.Length, .. list]),
        ];
        return [ExtendedPrefix, DeviceOp, .. Package(body)];
    }

    /// <summary>What a length is put before (PkgLength, 20.2.4), which counts itself.</summary>
    private static byte[] Package(ReadOnlySpan<byte> body)
    {
        const int longestShort = 0x3f;
        var length = body.Length + 1;
        return length <= longestShort
            ? [(byte)length, .. body]
            : [(byte)(1 << 6 | ((length + 1) & 15)), (byte)((length + 1) >> 4), .. body];
    }

    /// <summary>Ports, at a fixed place, all of whose address is decoded (6.4.2.5).</summary>
    private static byte[] Ports(ushort first, byte count)
    {
        const byte tag = 0x47, decodesAll = 1, alignment = 1;
        var (low, high) = ((byte)first, (byte)(first >> 8));
        return [tag, decodesAll, low, high, low, high, alignment, count];
    }

    /// <summary>An edge-triggered interrupt of its own (6.4.2.1).</summary>
    private static byte[] Interrupt(int irq)
    {
        const byte tag = 0x22;
        var mask = 1 << irq;
        return [tag, (byte)mask, (byte)(mask >> 8)];
    }
}
