using System.Buffers.Binary;
using Lkm.Kernel.Devices;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What a PC's firmware leaves for the kernel: the map of memory, a description of the machine, and ACPI tables in its ROM. The tables are the fewest with which Linux's ACPI
/// subsystem comes up as it does on a machine (ACPI specification, chapter 5), and the devices of the board that are not found by trying (<see cref="AcpiNamespace"/>).
/// </summary>
internal static class Firmware
{
    private const ulong RootPointer = PhysicalMemory.RomStart;
    private const ulong RootTable = RootPointer + 0x40;
    private const ulong FixedTable = RootPointer + 0x100;
    private const ulong ControlStructure = RootPointer + 0x200; // to be aligned to 64 bytes
    private const ulong Namespace = RootPointer + 0x300;
    private const ulong Description = RootPointer + 0x400;
    private const ulong InterruptTable = RootPointer + 0x800;
    private const int HeaderSize = 36;

    /// <summary>Writes the tables, and tells the kernel where they are, as a boot loader does in struct boot_params.</summary>
    public static void Write(GuestMemory memory, KernelImage image, ulong ramSize)
    {
        WriteMemoryMap(memory, image, "e820_table_firmware", PhysicalMemory.Map(ramSize));
        WriteMemoryMap(memory, image, "e820_table_kexec", PhysicalMemory.Map(ramSize));
        WriteMemoryMap(memory, image, "e820_table", PhysicalMemory.KernelMap(ramSize));
        var rom = AddressSpace.ToVirtual(PhysicalMemory.RomStart);
        memory.SetAccess(rom, PhysicalMemory.RomEnd - PhysicalMemory.RomStart, Shadow.Accessible);
        WriteRootPointer(Rom(memory, RootPointer, HeaderSize));
        WriteRootTable(Rom(memory, RootTable, HeaderSize + (2 * sizeof(ulong))));
        WriteInterruptTable(Rom(memory, InterruptTable, 120));
        WriteFixedTable(Rom(memory, FixedTable, 116));
        WriteControlStructure(Rom(memory, ControlStructure, 64));
        AcpiNamespace.Write(Rom(memory, Namespace, HeaderSize + AcpiNamespace.Size)[HeaderSize..]);
        WriteHeader(Rom(memory, Namespace, HeaderSize + AcpiNamespace.Size), "DSDT"u8, revision: 1);
        SystemDescription.Write(Rom(memory, Description, SystemDescription.Size), Description);
        memory.WriteUInt64(image.Symbol("boot_params") + image.Struct("boot_params")["acpi_rsdp_addr"], RootPointer);
    }

    private static Span<byte> Rom(GuestMemory memory, ulong physical, int length) => memory.Span(AddressSpace.ToVirtual(physical), length);

    /// <summary>struct e820_table: the firmware's, the one that kexec passes on, and the one that the kernel may change.</summary>
    private static void WriteMemoryMap(GuestMemory memory, KernelImage image, string name, MemoryRange[] map)
    {
        const ulong entries = 4, entrySize = 20; // struct e820_entry is packed
        var table = memory.ReadUInt64(image.Symbol(name));
        memory.WriteUInt32(table, (uint)map.Length);
        for (var i = 0; i < map.Length; i++)
        {
            var entry = table + entries + ((ulong)i * entrySize);
            memory.WriteUInt64(entry, map[i].Start);
            memory.WriteUInt64(entry + 8, map[i].Size);
            memory.WriteUInt32(entry + 16, (uint)map[i].Type);
        }
    }

    /// <summary>RSDP, revision 2: where the root table is.</summary>
    private static void WriteRootPointer(Span<byte> table)
    {
        const int firstPart = 20;
        "RSD PTR "u8.CopyTo(table);
        "LKM   "u8.CopyTo(table[9..]);
        table[15] = 2;
        BinaryPrimitives.WriteInt32LittleEndian(table[20..], table.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(table[24..], RootTable);
        table[8] = Checksum.Of(table[..firstPart]);
        table[32] = Checksum.Of(table);
    }

    /// <summary>XSDT: the list of tables.</summary>
    private static void WriteRootTable(Span<byte> table)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(table[HeaderSize..], FixedTable);
        BinaryPrimitives.WriteUInt64LittleEndian(table[(HeaderSize + sizeof(ulong))..], InterruptTable);
        WriteHeader(table, "XSDT"u8, revision: 1);
    }

    /// <summary>
    /// FADT of ACPI 1.0: the ports of QEMU's "pc". The timer does not answer, and without SMI_CMD the machine is in ACPI mode already.
    /// </summary>
    private static void WriteFixedTable(Span<byte> table)
    {
        const byte interrupt = 9;
        const uint flags = 1 << 0 | 1 << 2 | 1 << 5; // WBINVD works, C1 works, no fixed sleep button
        BinaryPrimitives.WriteUInt32LittleEndian(table[36..], (uint)ControlStructure);
        BinaryPrimitives.WriteUInt32LittleEndian(table[40..], (uint)Namespace);
        table[46] = interrupt;
        BinaryPrimitives.WriteUInt32LittleEndian(table[56..], PowerManagementRegisters.EventBlock);
        BinaryPrimitives.WriteUInt32LittleEndian(table[64..], PowerManagementRegisters.ControlBlock);
        BinaryPrimitives.WriteUInt32LittleEndian(table[76..], 0x608); // power management timer
        (table[88], table[89], table[91]) = (4, 2, 4); // their lengths
        const ushort noLevel2 = 101, noLevel3 = 1001; // latencies that say that there are no such states
        BinaryPrimitives.WriteUInt16LittleEndian(table[96..], noLevel2);
        BinaryPrimitives.WriteUInt16LittleEndian(table[98..], noLevel3);
        table[108] = 0x32; // the clock's register for the century
        BinaryPrimitives.WriteUInt32LittleEndian(table[112..], flags);
        WriteHeader(table, "FACP"u8, revision: 1);
    }

    /// <summary>
    /// MADT (5.2.12), as of QEMU's "pc": a processor, an I/O APIC, the timer at its pin 2, the lines that are level-triggered, and the line of non-maskable interrupts.
    /// </summary>
    private static void WriteInterruptTable(Span<byte> table)
    {
        const uint localApic = 0xfee00000, hasPics = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(table[36..], localApic);
        BinaryPrimitives.WriteUInt32LittleEndian(table[40..], hasPics);
        Span<byte> ioApic = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(ioApic[2..], (uint)IoApic.Physical);
        const byte isEnabled = 1, asOnItsBus = 0, highLevel = 0xd, allProcessors = 0xff;
        byte[] entries =
        [
            .. Entry(0, [0, 0, isEnabled, 0, 0, 0]), .. Entry(1, ioApic), .. Override(0, 2, asOnItsBus),
            .. Override(5, 5, highLevel), .. Override(9, 9, highLevel), .. Override(10, 10, highLevel), .. Override(11, 11, highLevel),
            .. Entry(4, [allProcessors, 0, 0, 1]),
        ];
        entries.CopyTo(table[44..]);
        WriteHeader(table, "APIC"u8, revision: 1);

        static byte[] Entry(byte type, ReadOnlySpan<byte> content) => [type, (byte)(2 + content.Length), .. content];

        static byte[] Override(byte irq, byte pin, byte flags) => Entry(2, [0, irq, pin, 0, 0, 0, flags, 0]);
    }

    /// <summary>FACS; it has no checksum.</summary>
    private static void WriteControlStructure(Span<byte> table)
    {
        "FACS"u8.CopyTo(table);
        BinaryPrimitives.WriteInt32LittleEndian(table[4..], table.Length);
    }

    private static void WriteHeader(Span<byte> table, ReadOnlySpan<byte> signature, byte revision)
    {
        signature.CopyTo(table);
        BinaryPrimitives.WriteInt32LittleEndian(table[4..], table.Length);
        table[8] = revision;
        "LKM   "u8.CopyTo(table[10..]);
        "LKMPC   "u8.CopyTo(table[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(table[24..], 1);
        "LKM "u8.CopyTo(table[28..]);
        BinaryPrimitives.WriteUInt32LittleEndian(table[32..], 1);
        table[9] = Checksum.Of(table);
    }
}

/// <summary>The checksum of a table in the firmware's ROM.</summary>
internal static class Checksum
{
    /// <summary>What makes the sum of all bytes 0, the checksum's own being 0 now.</summary>
    public static byte Of(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (var b in bytes)
            sum += b;
        return (byte)-sum;
    }
}
