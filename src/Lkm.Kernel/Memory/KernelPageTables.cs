using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Page tables of the kernel's half (arch/x86/mm/init_64.c, set_memory.c), as whoever walks them in the guest finds them: lookup_address(), a
/// module that looks for a physical address or changes an entry's rights, the report of a page fault. The processor needs no translation, as
/// each address of the window is its physical address and an offset; it asks here whether code may be fetched, and whether what the shadow says
/// is read-only has become writable.
/// </summary>
/// <remarks>
/// All state is in the guest. Each table has a fixed place, which belongs to the addresses that it maps, and is there once it is used: swapper_pg_dir
/// leads to level3_kernel_pgt of the image, that to a table of 2 MiB pages for each GiB of the window, and those to tables of 4 KiB pages where such
/// are needed.
/// </remarks>
/// <param name="memory">The guest's memory.</param>
internal sealed class KernelPageTables(GuestMemory memory)
{
    /// <summary>_PAGE_PRESENT.</summary>
    public const ulong Present = 1;

    /// <summary>_PAGE_RW.</summary>
    public const ulong Writable = 2;

    /// <summary>_PAGE_NX.</summary>
    public const ulong NoExecute = 1UL << 63;

    private const ulong Large = 0x80; // _PAGE_PSE
    private const ulong KernelExecutable = 0x163; // __PAGE_KERNEL_EXEC: present, writable, accessed, dirty, global
    private const ulong Kernel = KernelExecutable | NoExecute; // __PAGE_KERNEL
    private const ulong Table = 0x67, KernelTable = 0x63; // _PAGE_TABLE; _KERNPG_TABLE, as head_64.S and __split_large_page() use it
    private const ulong FrameMask = 0x000f_ffff_ffff_f000;
    private const int LargeShift = 21, GigabyteShift = 30, Entries = 512;
    private const ulong LargeSize = 1UL << LargeShift, EntrySize = 8;

    private const ulong Middle = AddressSpace.PageTables;
    private const ulong Last = Middle + (GuestMemory.WindowSize >> GigabyteShift) * AddressSpace.PageSize;

    /// <summary>Sets up what a kernel starts with: RAM, the array of struct page, and the image, all of which may be executed until mark_rodata_ro().</summary>
    public void Initialize(KernelImage image, ulong ramSize)
    {
        var upper = image.Symbol("level3_kernel_pgt");
        SetEntry(image.Symbol("init_top_pgt") + (Entries - 1) * EntrySize, AddressSpace.ToPhysical(upper) | Table);
        for (ulong gigabyte = 0; gigabyte < GuestMemory.WindowSize >> GigabyteShift; gigabyte++)
        {
            var address = GuestMemory.WindowStart + (gigabyte << GigabyteShift);
            var table = MiddleTable(address);
            memory.SetAccess(table, AddressSpace.PageSize, Shadow.Accessible);
            SetEntry(upper + (address >> GigabyteShift) % Entries * EntrySize, AddressSpace.ToPhysical(table) | (address == AddressSpace.KernelMap ? KernelTable : Table));
        }

        MapLarge(AddressSpace.PageOffset, AddressSpace.PageOffset + ramSize, Kernel);
        MapLarge(AddressSpace.Vmemmap, AddressSpace.VmemmapEnd, Kernel);
        MapLarge(image.Symbol("_text"), image.Symbol("_end"), KernelExecutable);
    }

    /// <summary>Maps pages where they are, for reading and writing.</summary>
    public void Map(ulong address, ulong pages)
    {
        for (var end = address + (pages << AddressSpace.PageShift); address != end; address += AddressSpace.PageSize)
            SetEntry(LastEntry(address), AddressSpace.ToPhysical(address) | Kernel);
    }

    /// <summary>Maps other pages, by their physical addresses, for reading and writing.</summary>
    public void Map(ulong address, ReadOnlySpan<ulong> physicalPages)
    {
        foreach (var physical in physicalPages)
        {
            SetEntry(LastEntry(address), physical | Kernel);
            address += AddressSpace.PageSize;
        }
    }

    /// <summary>Ends mappings of 4 KiB pages.</summary>
    public void Unmap(ulong address, ulong pages)
    {
        for (; pages > 0; pages--, address += AddressSpace.PageSize)
        {
            if (EntryOf(address) is { Slot: not 0, IsLarge: false } entry)
                SetEntry(entry.Slot, 0);
        }
    }

    /// <summary>Sets and clears flags of all pages that a range touches, as change_page_attr_set_clr() does; what is not mapped stays so.</summary>
    public void Change(ulong address, ulong size, ulong set, ulong clear)
    {
        var end = AddressSpace.PageAlign(address + size);
        for (address &= ~(AddressSpace.PageSize - 1); address != end;)
        {
            var entry = EntryOf(address);
            var isWhole = entry.IsLarge && (address & (LargeSize - 1)) == 0 && end - address >= LargeSize;
            if (entry.IsLarge && !isWhole)
                entry = Split(address, entry);
            if (entry.Value != 0)
                SetEntry(entry.Slot, (entry.Value | set) & ~clear);
            address += isWhole ? LargeSize : AddressSpace.PageSize;
        }
    }

    /// <summary>Whether code may be fetched; also of what these tables know nothing about.</summary>
    public bool IsExecutable(ulong address) => EntryOf(address) is var entry && (entry.Value & (Present | NoExecute)) != (Present | NoExecute);

    /// <summary>Whether an address is mapped and may be written.</summary>
    public bool IsWritable(ulong address) => EntryOf(address) is var entry && (entry.Value & (Present | Writable)) == (Present | Writable);

    /// <summary>Whether an address is mapped and must not be written.</summary>
    public bool IsReadOnly(ulong address) => EntryOf(address) is var entry && (entry.Value & (Present | Writable)) == Present;

    private readonly record struct Entry(ulong Slot, ulong Value, bool IsLarge);

    private Entry EntryOf(ulong address)
    {
        var slot = MiddleSlot(address);
        var value = memory.ReadUInt64(slot);
        if ((value & Large) != 0)
            return new Entry(slot, value, IsLarge: true);
        if (value == 0)
            return default;
        slot = LastSlot(address);
        return new Entry(slot, memory.ReadUInt64(slot), IsLarge: false);
    }

    // A guest that walks the tables meanwhile finds either the large page or all of the small ones.
    private Entry Split(ulong address, Entry large)
    {
        var flags = large.Value & ~FrameMask & ~Large;
        var first = address & ~(LargeSize - 1);
        MakeLast(first);
        for (ulong at = 0; at < LargeSize; at += AddressSpace.PageSize)
            SetEntry(LastSlot(first + at), AddressSpace.ToPhysical(first + at) | flags);
        SetEntry(large.Slot, AddressSpace.ToPhysical(LastTable(first)) | KernelTable);
        return EntryOf(address);
    }

    private void MapLarge(ulong start, ulong end, ulong flags)
    {
        for (var at = start & ~(LargeSize - 1); at < end; at += LargeSize)
            SetEntry(MiddleSlot(at), AddressSpace.ToPhysical(at) | flags | Large);
    }

    private ulong LastEntry(ulong address)
    {
        if (memory.ReadUInt64(MiddleSlot(address)) == 0)
        {
            MakeLast(address);
            SetEntry(MiddleSlot(address), AddressSpace.ToPhysical(LastTable(address)) | Table);
        }

        return LastSlot(address);
    }

    private void MakeLast(ulong address) => memory.SetAccess(LastTable(address), AddressSpace.PageSize, Shadow.Accessible);

    private void SetEntry(ulong slot, ulong value) => memory.WriteUInt64(slot, value);

    private static ulong MiddleTable(ulong address) => Middle + (address - GuestMemory.WindowStart >> GigabyteShift) * AddressSpace.PageSize;

    private static ulong MiddleSlot(ulong address) => MiddleTable(address) + (address >> LargeShift) % Entries * EntrySize;

    private static ulong LastTable(ulong address) => Last + (address - GuestMemory.WindowStart >> LargeShift) * AddressSpace.PageSize;

    private static ulong LastSlot(ulong address) => LastTable(address) + (address >> AddressSpace.PageShift) % Entries * EntrySize;
}
