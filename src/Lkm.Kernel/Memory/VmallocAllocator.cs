using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// vmalloc and module space (mm/vmalloc.c). Memory there has addresses, and struct pages, of its own: the window holds it as it holds
/// RAM, so nothing is mapped. Only what vmap() is given appears at a second address.
/// </summary>
/// <remarks>
/// A range is not used again until its space has been gone through once, and is poisoned meanwhile: uses after vfree() are found.
/// </remarks>
public sealed partial class VmallocAllocator : IObjectFinder
{
    private readonly GuestMemory _memory;
    private readonly PageAllocator _pages;
    private readonly SlabAllocator _slab;
    private readonly bool _kvmallocHasBuckets, _kvmallocHasAlign;
    private readonly MetadataArena _arena;
    private readonly MemoryErrors _errors;
    private readonly KernelImage _image;
    private readonly VmAreaLayout _areaLayout;
    private readonly VmStruct _vm;
    private readonly ulong _areas, _lazyAreas, _usedPages, _totalPages;
    private readonly KernelPageTables _tables;

    private static readonly Space VmallocSpace = new(AddressSpace.VmallocStart, AddressSpace.VmallocEnd, MetadataLayout.VmallocState);
    private static readonly Space ModuleSpace = new(AddressSpace.ModulesStart, AddressSpace.ModulesEnd, MetadataLayout.VmallocState + 8);

    /// <summary>Creates the allocator.</summary>
    public VmallocAllocator(GuestMemory memory, KernelImage image, PageAllocator pages, SlabAllocator slab, MemoryErrors errors)
    {
        _memory = memory;
        _image = image;
        _pages = pages;
        _slab = slab;
        _kvmallocHasBuckets = image.TrySymbol("kmem_buckets_cache", out _);
        _kvmallocHasAlign = image.TrySymbol("kvrealloc_node_align_noprof", out _);
        _arena = new MetadataArena(memory);
        _tables = new KernelPageTables(memory);
        _errors = errors;
        _areaLayout = new VmAreaLayout(image);
        _vm = new VmStruct(memory, image);
        image.TrySymbol("nr_vmalloc_pages", out _usedPages);
        _totalPages = image.Symbol("_totalram_pages");
        // 6.9 split the list of areas over nodes, of which there is one until vmalloc_init() makes more.
        if (image.TrySymbol("vmap_area_list", out var list))
            _areas = list;
        else if (image.TrySymbol("single", out var node) && image.FindStruct("vmap_node") is { } layout)
            (_areas, _lazyAreas) = (node + layout["busy.head"], node + layout["lazy.head"]);
        else
            _areas = MetadataLayout.VmallocState + 32;
        errors.Add(this);
    }

    private static readonly string[] s_fromVmalloc =
    [
        "__vmalloc_node_range", "__vmalloc_node_range_noprof", "__vmalloc_node", "__vmalloc_node_noprof", "__vmalloc_area_node", "__vmalloc_area_node.constprop.0",
        "vm_area_alloc_pages.constprop.0", "vm_area_alloc_pages", .. PageReclaim.Allocators,
    ];

    private bool _lacksPages; // why the last allocation failed

    /// <summary>What makes room when memory is short.</summary>
    internal PageReclaim? Reclaim { get; set; }

    /// <summary>Asked before each allocation whether it shall fail.</summary>
    public Func<AllocationRequest, bool>? FailAllocation { get; set; }

    /// <summary>Told of each vfree(), which may sleep.</summary>
    internal Action? MightFree { get; init; }

    /// <summary>Allocates memory in vmalloc space for the kernel core itself, as vzalloc() does.</summary>
    /// <returns>The address, or 0.</returns>
    public ulong Allocate(ulong size) =>
        AllocateMemory(size, AddressSpace.PageSize, VmallocSpace.Start, VmallocSpace.End, GfpFlags.Zero, 0, 0);

    /// <summary>Allocates memory in module space, as module_alloc() does; writable until set_memory_ro().</summary>
    /// <returns>The address, or 0.</returns>
    public ulong AllocateModule(ulong size) =>
        AllocateMemory(size, AddressSpace.PageSize, ModuleSpace.Start, ModuleSpace.End, GfpFlags.Zero, 0, 0);

    /// <summary>Frees what was allocated here, as vfree() does.</summary>
    public void Free(ulong address) => FreeMemory(address, 0);

    /// <summary>A range without memory, and without a guard page, from the end of vmalloc's space, as pcpu_get_vm_areas() has them.</summary>
    /// <returns>Its address, or 0.</returns>
    internal ulong AllocatePerCpuRange(ulong size, ulong align, ulong caller)
    {
        for (var end = VmallocSpace.End & ~(align - 1); end - size >= VmallocSpace.Start; end -= align)
        {
            if (FindGap(size, align, end - size, end) != 0)
                return NewAreaAt(end - size, size, VmStruct.Alloc | VmStruct.NoGuard, caller) is { Exists: true } area ? area.Start : 0;
        }

        return 0;
    }

    /// <summary>Gives a page of such a range memory, which the caller has charged; nothing may be done with it yet.</summary>
    internal void Populate(ulong page)
    {
        _pages.Pages.PrepareSeparate(page, 1, _pages.Node.OutsideZone);
        _tables.Map(page, 1);
    }

    /// <summary>Takes the memory of a page away.</summary>
    internal void Depopulate(ulong page)
    {
        _tables.Unmap(page, 1);
        _memory.Discard(page, AddressSpace.PageSize);
    }

    /// <summary>The struct vm_struct of the area that an address lies in, or 0.</summary>
    internal ulong VmOf(ulong address) => AreaOf(address) is { Exists: true } area ? area.Vm : 0;

    /// <summary>Bytes of the area that an address lies in, without the guard page.</summary>
    internal ulong LengthOf(ulong address) => AreaOf(address) is { Exists: true } area ? area.Pages << AddressSpace.PageShift : 0;

    /// <summary>The struct page behind an address (vmalloc_to_page()), or 0.</summary>
    internal ulong PageOf(ulong address) => VmallocToPage(address);

    private ulong AllocateMemory(
        ulong size, ulong align, ulong start, ulong end, GfpFlags gfp, ulong flags, ulong caller, Mark mark = Mark.Low)
    {
        var pages = AddressSpace.PageAlign(size) >> AddressSpace.PageShift;
        _lacksPages = false;
        if (size == 0 || pages > _pages.RamSize >> AddressSpace.PageShift || ShallFail(size, gfp, caller))
            return 0;
        _lacksPages = !_pages.Charge(pages, mark);
        if (_lacksPages)
            return 0;
        var area = NewArea(size, align, start, end, flags | VmStruct.Alloc, caller);
        var array = area.Exists ? NewPageArray(area, pages) : 0;
        if (array == 0)
        {
            _pages.Uncharge(pages);
            if (area.Exists)
                RemoveArea(area, freeVm: true);
            return 0;
        }

        area.IsCharged = true;
        _vm.SetPages(area.Vm, array, pages);
        _pages.Pages.PrepareSeparate(area.Start, pages, _pages.Node.OutsideZone);
        CountUsed((long)pages);
        _tables.Map(area.Start, pages);
        // What a user maps are whole pages; all others get the bytes that they asked for.
        _memory.Allow(area.Start, (flags & VmStruct.UserMap) != 0 ? pages << AddressSpace.PageShift : size);
        return area.Start;
    }

    /// <summary>Allocates, and has room made when there is not enough: page by page, as vm_area_alloc_pages() asks for them.</summary>
    private GuestTask<ulong> AllocateOrReclaim(ulong size, ulong align, ulong start, ulong end, GfpFlags gfp, ulong flags, ulong caller)
    {
        var address = AllocateMemory(size, align, start, end, gfp, flags, caller);
        return _lacksPages && Reclaim is not null
            ? AllocateReclaimed(size, align, start, end, gfp, flags, caller)
            : GuestTask<ulong>.FromResult(address);
    }

    private async GuestTask<ulong> AllocateReclaimed(ulong size, ulong align, ulong start, ulong end, GfpFlags gfp, ulong flags, ulong caller)
    {
        var pages = AddressSpace.PageAlign(size) >> AddressSpace.PageShift;
        var forPages = (gfp & ~GfpFlags.Zero) | GfpFlags.HighMemory | GfpFlags.NoWarn;
        while (await Reclaim!.MakeRoom(pages, forPages, s_fromVmalloc))
        {
            var address = AllocateMemory(size, align, start, end, gfp, flags, caller, Mark.Min);
            if (!_lacksPages)
                return address;
        }

        return 0;
    }

    private ulong NewPageArray(VmArea area, ulong pages)
    {
        var size = pages * sizeof(ulong);
        var array = size <= 1UL << 20 ? _slab.Allocate(size) : Allocate(size);
        for (ulong i = 0; array != 0 && i < pages; i++)
            _memory.WriteUInt64(array + (i * sizeof(ulong)), AddressSpace.ToStructPage(area.Start + (i << AddressSpace.PageShift)));
        return array;
    }

    private void FreeMemory(ulong address, ulong caller)
    {
        if (address == 0)
            return;
        var area = AreaOf(address);
        if (!area.Exists || area.Start != address || area.Vm == 0)
        {
            var wasFreed = GuestMemory.Contains(address) && _memory.ShadowAt(address) == Shadow.VmallocFreed;
            _errors.ReportFree(wasFreed ? MemoryErrorKind.DoubleFree : MemoryErrorKind.InvalidFree, address, caller);
            return;
        }

        var (array, count) = _vm.Pages(area.Vm);
        if ((_vm.Flags(area.Vm) & VmStruct.MapPutPages) != 0)
            PutPages(array, count, caller);
        if (area.IsCharged)
            CountUsed(-(long)count);
        RemoveArea(area, freeVm: true);
        if (array >= AddressSpace.VmallocStart && array < AddressSpace.VmallocEnd)
            FreeMemory(array, caller);
        else
            _slab.Free(array);
    }

    private void PutPages(ulong array, uint count, ulong caller)
    {
        for (ulong i = 0; i < count; i++)
        {
            var page = _memory.ReadUInt64(array + (i * sizeof(ulong)));
            var references = _pages.Pages.References(page) - 1;
            _pages.Pages.SetReferences(page, references);
            if (references == 0)
                _pages.Free(AddressSpace.FromStructPage(page), 0, caller);
        }
    }

    private bool ShallFail(ulong size, GfpFlags gfp, ulong caller) =>
        FailAllocation is { } fail && caller != 0 && (gfp & GfpFlags.NoFail) == 0
        && fail(new AllocationRequest(AllocatorKind.Vmalloc, size, gfp, caller));

    private void CountUsed(long pages)
    {
        if (_usedPages != 0)
            _memory.WriteInt64(_usedPages, _memory.ReadInt64(_usedPages) + pages);
    }

    /// <inheritdoc/>
    ObjectDescription? IObjectFinder.FindObject(ulong address) => null;

    /// <inheritdoc/>
    VmallocDescription? IObjectFinder.FindVmalloc(ulong address)
    {
        var area = AreaOf(address);
        return area.Exists ? new VmallocDescription(area.Start, area.Pages, area.Vm == 0 ? 0 : _vm.Caller(area.Vm)) : null;
    }

    /// <summary>A part of the window that areas are taken from.</summary>
    /// <param name="Start">Its first byte.</param>
    /// <param name="End">The byte after it.</param>
    /// <param name="Next">Where the address is kept that the next area starts at.</param>
    private readonly record struct Space(ulong Start, ulong End, ulong Next);
}
