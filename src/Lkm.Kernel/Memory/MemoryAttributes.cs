using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Attributes of kernel pages (arch/x86/mm/pat/set_memory.c). All set_memory_*() come together in change_page_attr_set_clr(): they are entered into
/// <see cref="KernelPageTables"/>, and writing is forbidden and allowed in the shadow as well, where the processor looks first.
/// </summary>
public sealed partial class MemoryAttributes
{
    private const ulong PagePresent = KernelPageTables.Present, PageWrite = KernelPageTables.Writable;
    private const string NoCaches = "cache attributes have no effect: there are no caches";

    private readonly GuestMemory _memory;
    private readonly KernelPageTables _tables;

    /// <summary>Creates the subsystem.</summary>
    public MemoryAttributes(GuestMemory memory)
    {
        _memory = memory;
        _tables = new KernelPageTables(memory);
    }

    /// <summary>Sets up page tables, before the image does anything.</summary>
    internal void Initialize(KernelImage image, ulong ramSize) => _tables.Initialize(image, ramSize);

    /// <summary>mark_rodata_ro(): from here on code and constants of the image cannot be written, nor its data executed.</summary>
    internal void Seal(KernelImage image)
    {
        Between("_text", "_etext", 0, PageWrite);
        Between("__start_rodata", "__end_rodata", KernelPageTables.NoExecute, PageWrite);
        Between("_sdata", "__init_begin", KernelPageTables.NoExecute, 0);
        Between("__init_end", "_end", KernelPageTables.NoExecute, 0);

        void Between(string start, string end, ulong set, ulong clear) =>
            Apply(image.Symbol(start), image.Symbol(end) - image.Symbol(start), set, clear);
    }

    /// <summary>Whether code may be fetched.</summary>
    internal bool IsExecutable(ulong address) => _tables.IsExecutable(address);

    /// <summary>An address that the shadow says is read-only is written: a guest may have changed its page's entry itself.</summary>
    /// <returns>Whether it has; the shadow says so then, too.</returns>
    internal bool MakeWritable(ulong address)
    {
        if (!_tables.IsWritable(address))
            return false;
        Unprotect(address & ~(AddressSpace.PageSize - 1), AddressSpace.PageSize);
        return true;
    }

    /// <summary>Called when the guest flushes translations of user addresses.</summary>
    public Action? FlushUser { get; set; }

    /// <summary>Forbids writing to what may be read and written in a range: set_memory_ro().</summary>
    public void Protect(ulong address, ulong size) => Replace(address, size, Shadow.Accessible, Shadow.ReadOnly);

    /// <summary>Allows writing to what may only be read in a range: set_memory_rw().</summary>
    public void Unprotect(ulong address, ulong size) => Replace(address, size, Shadow.ReadOnly, Shadow.Accessible);

    /// <summary>Forbids writing to a page whose entry a guest has made read-only itself.</summary>
    internal void Follow(ulong address)
    {
        if (_tables.IsReadOnly(address))
            Protect(address & ~(AddressSpace.PageSize - 1), AddressSpace.PageSize);
    }

    [KernelFunction("change_page_attr_set_clr", Support = Support.Partial, Note = NoCaches)]
    private int ChangePageAttributes(ulong addresses, int count, ulong set, ulong clear, int forceSplit, int flags, ulong pages)
    {
        const int isArray = 2, isPages = 4; // CPA_ARRAY, CPA_PAGES_ARRAY
        if ((flags & (isArray | isPages)) == 0)
        {
            Apply(_memory.ReadUInt64(addresses), (ulong)count << AddressSpace.PageShift, set, clear);
            return 0;
        }

        for (ulong i = 0; (long)i < count; i++)
        {
            var address = (flags & isPages) != 0
                ? AddressSpace.FromStructPage(_memory.ReadUInt64(pages + (i * sizeof(ulong))))
                : _memory.ReadUInt64(addresses + (i * sizeof(ulong)));
            Apply(address, AddressSpace.PageSize, set, clear);
        }

        return 0;
    }

    [KernelFunction("set_memory_rox", Support = Support.Partial, Note = NoCaches, Since = "6.3")]
    private int SetMemoryRox(ulong address, int count)
    {
        Apply(address, (ulong)count << AddressSpace.PageShift, 0, PageWrite | KernelPageTables.NoExecute);
        return 0;
    }

    /// <summary>Gives code that was made writable for patching its protection back.</summary>
    [KernelFunction("execmem_restore_rox", Support = Support.Partial, Note = NoCaches, Since = "6.16")]
    private int ExecmemRestoreRox(ulong address, ulong size)
    {
        Apply(address, AddressSpace.PageAlign(size), 0, PageWrite | KernelPageTables.NoExecute);
        return 0;
    }

    [KernelFunction("set_direct_map_invalid_noflush")]
    private int SetDirectMapInvalid(ulong page)
    {
        Apply(AddressSpace.FromStructPage(page), AddressSpace.PageSize, 0, PagePresent);
        return 0;
    }

    [KernelFunction("set_direct_map_default_noflush")]
    private int SetDirectMapDefault(ulong page)
    {
        Apply(AddressSpace.FromStructPage(page), AddressSpace.PageSize, PagePresent | PageWrite, 0);
        return 0;
    }

    [KernelFunction("set_direct_map_valid_noflush", Since = "6.13")]
    private int SetDirectMapValid(ulong page, uint count, bool valid)
    {
        var (set, clear) = valid ? (PagePresent | PageWrite, 0UL) : (0UL, PagePresent);
        Apply(AddressSpace.FromStructPage(page), (ulong)count << AddressSpace.PageShift, set, clear);
        return 0;
    }

    [KernelFunction("flush_tlb_kernel_range")]
    [KernelFunction("flush_tlb_one_kernel")]
    private void FlushKernel()
    {
        // The processor keeps no translations of the kernel's half.
    }

    [KernelFunction("flush_tlb_all")]
    [KernelFunction("flush_tlb_mm_range")]
    [KernelFunction("flush_tlb_local")]
    [KernelFunction("flush_tlb_one_user")]
    [KernelFunction("arch_tlbbatch_flush")]
    private void FlushTlbAll() => FlushUser?.Invoke();

    /// <summary>The physical address behind a kernel address, without a walk of page tables.</summary>
    [KernelFunction("slow_virt_to_phys")]
    private ulong SlowVirtToPhys(ulong address) => AddressSpace.ToPhysical(address);

    private void Apply(ulong address, ulong size, ulong set, ulong clear)
    {
        address &= ~(AddressSpace.PageSize - 1);
        if (!GuestMemory.Contains(address, size))
            return;
        _tables.Change(address, size, set, clear);
        if ((set & KernelPageTables.NoExecute) != 0)
        {
            Replace(address, size, Shadow.Accessible, Shadow.Accessible); // what was decoded there is forgotten
            Replace(address, size, Shadow.ReadOnly, Shadow.ReadOnly);
        }

        if ((set & PagePresent) != 0)
            Replace(address, size, Shadow.Unmapped, Shadow.Accessible);
        if ((clear & PagePresent) != 0)
            Replace(address, size, Shadow.Accessible, Shadow.Unmapped);
        if ((set & PageWrite) != 0)
            Unprotect(address, size);
        else if ((clear & PageWrite) != 0)
            Protect(address, size);
    }

    // Granules in other states, such as red zones and freed objects, keep them. Runs of equal granules are changed at once.
    private void Replace(ulong address, ulong size, Shadow from, Shadow to)
    {
        const ulong granule = 8;
        var end = address + size;
        while (address < end)
        {
            var start = address;
            while (address < end && Plain(_memory.ShadowAt(address)) == from)
                address += granule;
            if (address > start)
                _memory.SetAccess(start, address - start, to);
            else
                address += granule;
        }
    }

    // Code is as accessible as what it was decoded from.
    private static Shadow Plain(Shadow shadow) => shadow switch
    {
        Shadow.Code => Shadow.Accessible,
        Shadow.ReadOnlyCode => Shadow.ReadOnly,
        _ => shadow,
    };
}
