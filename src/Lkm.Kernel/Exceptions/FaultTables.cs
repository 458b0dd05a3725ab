using Lkm.Kernel.Boot;
using Lkm.Kernel.Memory;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Page tables for one address of the kernel. The processor needs none there, but what tells of a fault (arch/x86/mm/fault.c) walks them: whether the page is
/// there, may be written and executed, and what the entries are. They are made when it is about to, in pages that the image has for tables of its own.
/// </summary>
internal sealed class FaultTables
{
    private const ulong Present = 1, Writable = 2, Large = 0x80, NoExecute = 1UL << 63;
    private const ulong TableFlags = 0x067, PageFlags = 0x161; // _PAGE_TABLE; _PAGE_TABLE without user, with _PAGE_GLOBAL, read-only
    private const int EntriesPerTable = 512, LargeShift = 21, HugeShift = 30, TopShift = 39;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly ExecutableMemory _executable;
    private readonly ulong _ramSize, _kernelRoot;
    private readonly ulong[] _tables = [];

    /// <summary>Finds the image's tables; without them, none are made.</summary>
    public FaultTables(Cpu cpu, GuestMemory memory, KernelImage image, ExecutableMemory executable, ulong ramSize)
    {
        (_cpu, _memory, _executable, _ramSize) = (cpu, memory, executable, ramSize);
        if (image.TrySymbol("init_top_pgt", out _kernelRoot) && image.TrySymbol("level3_kernel_pgt", out var upper)
            && image.TrySymbol("level2_kernel_pgt", out var middle) && image.TrySymbol("level2_fixmap_pgt", out var lower))
            _tables = [upper, middle, lower];
    }

    /// <summary>Makes those for an address.</summary>
    public void Make(ulong address)
    {
        if (_tables is not [var upper, var middle, var lower] || address < GuestMemory.WindowStart)
            return;
        foreach (var table in _tables)
            _memory.Clear(table, AddressSpace.PageSize);
        var path = IsUsed(address);
        var entry = path ? AddressSpace.ToPhysical(upper) | TableFlags : 0;
        Set(AddressSpace.ToVirtual(_cpu.Cr3 & ~(AddressSpace.PageSize - 1)), TopShift, entry);
        Set(_kernelRoot, TopShift, entry);
        if (!path)
            return;
        Set(upper, HugeShift, AddressSpace.ToPhysical(middle) | TableFlags);
        var page = address & ~(AddressSpace.PageSize - 1);
        if (IsLarge(address) && IsPresent(page))
        {
            Set(middle, LargeShift, Entry(page & ~((1UL << LargeShift) - 1), page) | Large);
            return;
        }

        var block = address & ~((1UL << LargeShift) - 1);
        for (var i = 0; i < EntriesPerTable; i++)
        {
            var at = block + ((ulong)i << AddressSpace.PageShift);
            if (!IsPresent(at))
                continue;
            Set(middle, LargeShift, AddressSpace.ToPhysical(lower) | TableFlags);
            if (at == page)
                Set(lower, AddressSpace.PageShift, Entry(page, page));
        }

        void Set(ulong table, int shift, ulong value) =>
            _memory.WriteUInt64(table + (((address >> shift) & (EntriesPerTable - 1)) * sizeof(ulong)), value);
    }

    private ulong Entry(ulong target, ulong page)
    {
        var isReadOnly = _memory.ShadowAt(page) is Shadow.ReadOnly or Shadow.ReadOnlyCode;
        return AddressSpace.ToPhysical(target) | PageFlags | (isReadOnly ? 0 : Writable) | (_executable.IsExecutable(page) ? 0 : NoExecute);
    }

    /// <summary>The direct map and the image are mapped by large pages.</summary>
    private static bool IsLarge(ulong address) => address is < AddressSpace.VmallocStart or (>= AddressSpace.KernelMap and < AddressSpace.ModulesStart);

    /// <summary>Whether there is a table for the gigabyte of an address.</summary>
    private bool IsUsed(ulong address) =>
        address >= AddressSpace.KernelMap
        || (address >= AddressSpace.VmallocStart && address < AddressSpace.VmallocStart + (1UL << HugeShift))
        || (address < AddressSpace.VmallocStart && AddressSpace.ToPhysical(address) < (_ramSize + (1UL << HugeShift) - 1 & ~((1UL << HugeShift) - 1)));

    private bool IsPresent(ulong page) =>
        _memory.ShadowAt(page) is not (Shadow.Unmapped or Shadow.VmallocGuard or Shadow.StackGuard or Shadow.VmallocFreed or Shadow.InitFreed);
}
