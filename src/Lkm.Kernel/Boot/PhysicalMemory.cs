namespace Lkm.Kernel.Boot;

/// <summary>What a range of physical memory is (enum e820_type, arch/x86/include/asm/e820/types.h).</summary>
internal enum MemoryType
{
    /// <summary>Memory for the kernel.</summary>
    Ram = 1,

    /// <summary>The firmware's own.</summary>
    Reserved = 2,
}

/// <summary>A range of the map of physical memory.</summary>
/// <param name="Start">Its first address.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Type">What it is.</param>
internal readonly record struct MemoryRange(ulong Start, ulong Size, MemoryType Type);

/// <summary>
/// The map of physical memory as a PC has it: below 1 MiB there is a hole, with the video memory, which nothing answers here, and the
/// firmware's ROM. Nothing but the kernel's start-up data lies below 16 MiB, so the hole takes no page away.
/// </summary>
internal static class PhysicalMemory
{
    /// <summary>Where conventional memory ends: the extended BIOS data area.</summary>
    public const ulong LowEnd = 0x9fc00;

    /// <summary>The start of the firmware's ROM.</summary>
    public const ulong RomStart = 0xf0000;

    /// <summary>The end of the ROM, and of the hole.</summary>
    public const ulong RomEnd = 0x100000;

    /// <summary>The map, as the firmware of QEMU's "pc" gives it.</summary>
    /// <param name="ramSize">Bytes of memory, the hole included.</param>
    public static MemoryRange[] Map(ulong ramSize) =>
    [
        new(0, LowEnd, MemoryType.Ram),
        new(LowEnd, 0xa0000 - LowEnd, MemoryType.Reserved),
        new(RomStart, RomEnd - RomStart, MemoryType.Reserved),
        new(RomEnd, ramSize - RomEnd, MemoryType.Ram),
    ];

    /// <summary>The map as the kernel goes by it: the BIOS's data in the first page are not for it (arch/x86/kernel/setup.c, trim_bios_range()).</summary>
    public static MemoryRange[] KernelMap(ulong ramSize) =>
    [
        new(0, AddressSpace.PageSize, MemoryType.Reserved),
        new(AddressSpace.PageSize, LowEnd - AddressSpace.PageSize, MemoryType.Ram),
        .. Map(ramSize).AsSpan(1),
    ];

    /// <summary>Whether any byte of a range is memory for the kernel.</summary>
    public static bool TouchesRam(ulong start, ulong size, ulong ramSize) =>
        start < LowEnd || (start < ramSize && start + size > RomEnd);

    /// <summary>Whether all of a range lies in the firmware's ROM.</summary>
    public static bool IsRom(ulong start, ulong size) => start >= RomStart && start + size <= RomEnd;
}
