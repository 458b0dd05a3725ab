using System.Buffers.Binary;
using System.Text;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What the firmware says of the machine (SMBIOS specification 3.0): its entry point, and the structures of firmware, system and chassis. Drivers
/// for parts of some makers' machines look there, and oopses name the machine by it.
/// </summary>
internal static class SystemDescription
{
    /// <summary>Bytes that <see cref="Write"/> may take.</summary>
    public const int Size = 0x200;

    private const string Maker = "lkm", Product = "User-mode PC", Version = "1", Date = "01/01/2024"; // when the clock starts
    private const int EntrySize = 0x18, TableOffset = 0x20;

    /// <summary>Writes entry point and structures.</summary>
    /// <param name="rom">Where they lie; the entry point comes first.</param>
    /// <param name="physical">Its physical address, a multiple of 16.</param>
    public static void Write(Span<byte> rom, ulong physical)
    {
        var table = rom[TableOffset..];
        var used = 0;
        used += Firmware(table[used..]);
        used += System(table[used..]);
        used += Chassis(table[used..]);
        used += Structure(table[used..], type: 127, length: 4); // the end

        "_SM3_"u8.CopyTo(rom);
        rom[6] = EntrySize;
        rom[7] = 3; // the specification's version
        rom[10] = 1; // the entry point's revision
        BinaryPrimitives.WriteInt32LittleEndian(rom[12..], used);
        BinaryPrimitives.WriteUInt64LittleEndian(rom[16..], physical + TableOffset);
        rom[5] = Checksum.Of(rom[..EntrySize]);
    }

    private static int Firmware(Span<byte> table)
    {
        const byte virtualMachine = 1 << 4; // in the second byte of the extension
        (table[4], table[5], table[8]) = (1, 2, 3); // maker, version, date
        table[19] = virtualMachine;
        return Structure(table, type: 0, length: 24, Maker, Version, Date);
    }

    private static int System(Span<byte> table)
    {
        const byte powerSwitch = 6;
        (table[4], table[5], table[24]) = (1, 2, powerSwitch); // maker, product, what woke it up
        return Structure(table, type: 1, length: 27, Maker, Product);
    }

    private static int Chassis(Span<byte> table)
    {
        const byte other = 1;
        (table[4], table[5]) = (1, other);
        return Structure(table, type: 3, length: 21, Maker);
    }

    /// <summary>Writes the header and the strings of a structure; gives its size.</summary>
    private static int Structure(Span<byte> table, byte type, byte length, params ReadOnlySpan<string> strings)
    {
        (table[0], table[1], table[2]) = (type, length, type); // the handle only has to differ
        int at = length;
        foreach (var text in strings)
            at += Encoding.ASCII.GetBytes(text, table[at..]) + 1;
        return strings.Length == 0 ? at + 2 : at + 1;
    }
}
