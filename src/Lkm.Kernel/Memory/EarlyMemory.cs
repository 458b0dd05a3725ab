using System.Numerics;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Boot memory (mm/memblock.c). The page allocator runs from the start, so what init functions ask of memblock are its pages.
/// alloc_large_system_hash() is borrowed: it asks here, or for pages, and sizes the tables by the RAM there is.
/// </summary>
public sealed partial class EarlyMemory
{
    private readonly GuestMemory _memory;
    private readonly PageAllocator _pages;
    private readonly VmallocAllocator _vmalloc;
    private readonly SlabAllocator _slab;

    /// <summary>Creates the subsystem.</summary>
    public EarlyMemory(GuestMemory memory, PageAllocator pages, SlabAllocator slab, VmallocAllocator vmalloc)
    {
        _memory = memory;
        _pages = pages;
        _slab = slab;
        _vmalloc = vmalloc;
    }

    [KernelFunction("memblock_alloc_try_nid")]
    [KernelFunction("memblock_alloc_try_nid_raw")]
    [KernelFunction("memblock_alloc_exact_nid_raw")]
    private ulong MemblockAlloc(ulong size, ulong align) => Allocate(size, align);

    [KernelFunction("memblock_alloc_range_nid")]
    [KernelFunction("memblock_phys_alloc_range")]
    [KernelFunction("memblock_phys_alloc_try_nid")]
    private ulong MemblockPhysAlloc(ulong size, ulong align) =>
        Allocate(size, align) is var address && address != 0 ? AddressSpace.ToPhysical(address) : 0;

    /// <summary>Takes an address; a physical one before 5.16.</summary>
    [KernelFunction("memblock_free")]
    private int MemblockFree(ulong address, ulong size)
    {
        Free(address < AddressSpace.PageOffset ? AddressSpace.ToVirtual(address) : address);
        return 0;
    }

    [KernelFunction("memblock_phys_free")]
    [KernelFunction("memblock_free_late")]
    private int MemblockPhysFree(ulong physical, ulong size)
    {
        Free(AddressSpace.ToVirtual(physical));
        return 0;
    }

    /// <summary>early_memremap() and early_ioremap() (mm/early_ioremap.c): the direct map is there already, and holds the firmware's tables.</summary>
    [KernelFunction("early_memremap")]
    [KernelFunction("early_memremap_ro")]
    [KernelFunction("early_ioremap")]
    private static ulong EarlyMemremap(ulong physical) => AddressSpace.ToVirtual(physical);

    [KernelFunction("early_memunmap")]
    [KernelFunction("early_iounmap")]
    private static void EarlyMemunmap()
    {
        // The direct map stays.
    }

    /// <summary>Pages at fixed addresses: those of the interrupt controllers, which are there already.</summary>
    [KernelFunction("native_set_fixmap", Support = Support.Partial, Note = "the pages of the APICs only")]
    private static void SetFixmap()
    {
        // Devices/LocalApic and Devices/MappedRegisters are found there.
    }

    /// <summary>Small pieces are kmalloc's; tables are pages; what no block of pages can hold has its own range.</summary>
    private ulong Allocate(ulong size, ulong align)
    {
        size = Math.Max(size, 1);
        if (size < AddressSpace.PageSize && align <= AddressSpace.PageSize)
            return _slab.Allocate(BitOperations.RoundUpToPowerOf2(Math.Max(size, align)));
        var order = BitOperations.Log2(BitOperations.RoundUpToPowerOf2(AddressSpace.PageAlign(size) >> AddressSpace.PageShift));
        return order <= MemoryNode.MaximumOrder ? _pages.Allocate(GfpFlags.Zero, order, 0) : _vmalloc.Allocate(size);
    }

    private void Free(ulong address)
    {
        if (_slab.IsSlab(address))
            _slab.Free(address);
        // Pages stay: init functions free parts of what they got, and the boot is not where memory runs out.
    }
}
