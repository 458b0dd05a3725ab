using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// The page allocator (mm/page_alloc.c): a buddy system over RAM, with free blocks in Linux's own free lists. Its state lies in guest
/// memory: struct zone, struct page, and one byte for each page (<see cref="PageState"/>).
/// </summary>
/// <remarks>
/// Freed blocks wait in a queue before they can be given out again, so that uses after free meet poison. They count as free.
/// </remarks>
public sealed partial class PageAllocator
{
    private const ulong Quarantine = MetadataLayout.PageAllocatorState; // a list head
    private const ulong QuarantinedPages = MetadataLayout.PageAllocatorState + 16;
    private const ulong QuarantineLimit = 1024; // pages

    private readonly GuestMemory _memory;
    private readonly MemoryErrors _errors;
    private readonly PageStruct _pages;
    private readonly MemoryNode _node;
    private readonly bool _initialiseOnAllocation;
    private readonly bool _freeHasOrder, _bulkHasList;

    /// <summary>Creates the allocator for RAM of a given size.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel image.</param>
    /// <param name="errors">Who hears of wrong frees.</param>
    /// <param name="ramSize">Bytes of RAM from the start of the window; at most <see cref="AddressSpace.MaximumRam"/>.</param>
    /// <param name="firstFree">The end of what the boot has put behind the first 16 MiB.</param>
    public PageAllocator(GuestMemory memory, KernelImage image, MemoryErrors errors, ulong ramSize, ulong firstFree)
    {
        _memory = memory;
        _errors = errors;
        _pages = new PageStruct(memory, image);
        _node = new MemoryNode(memory, image, _pages, ramSize, firstFree);
        // A static key's count; the distribution's default is in the image (CONFIG_INIT_ON_ALLOC_DEFAULT_ON).
        _initialiseOnAllocation = image.TrySymbol("init_on_alloc", out var key) && memory.ReadInt32(key) > 0;
        _freeHasOrder = !image.TrySymbol("__alloc_pages_nodemask", out _); // 5.14 gave free_unref_page() an order
        _bulkHasList = !image.TrySymbol("__alloc_frozen_pages_noprof", out _); // 6.14 dropped the list
    }

    /// <summary>Whether every allocation is filled with zero (init_on_alloc), by the image's own default.</summary>
    public bool InitialiseOnAllocation => _initialiseOnAllocation;

    /// <summary>Asked before each allocation whether it shall fail.</summary>
    public Func<AllocationRequest, bool>? FailAllocation { get; set; }

    /// <summary>Bytes of RAM.</summary>
    public ulong RamSize => _node.RamSize;

    /// <summary>Free pages in all zones.</summary>
    public ulong FreePageCount => _memory.ReadUInt64(_node.GlobalFreeCount);

    /// <summary>struct page's layout.</summary>
    internal PageStruct Pages => _pages;

    /// <summary>The node that the pages belong to.</summary>
    internal MemoryNode Node => _node;

    /// <summary>Writes the node's description and puts all RAM on the free lists: before any borrowed code runs.</summary>
    public void InitializeNode()
    {
        _node.Initialize();
        ListHead.Initialize(_memory, Quarantine);
        foreach (var zone in _node.Zones)
        {
            var frame = zone.FirstFrame;
            while (frame < zone.EndFrame)
            {
                var order = MemoryNode.MaximumOrder;
                while ((frame & ((1UL << order) - 1)) != 0 || frame + (1UL << order) > zone.EndFrame)
                    order--;
                AddFreeBlock(zone, frame, order);
                frame += 1UL << order;
            }

            _node.AddFree(zone, (long)(zone.EndFrame - zone.FirstFrame));
        }
    }

    /// <summary>What of the node's set-up is borrowed code; to be awaited first of all guest calls.</summary>
    public GuestTask CompleteNode(GuestCalls calls) => _node.Complete(calls);

    /// <summary>Allocates a block, as alloc_pages() does.</summary>
    /// <param name="gfp">The flags; they choose zone, zeroing and compound pages.</param>
    /// <param name="order">Log2 of the number of pages.</param>
    /// <param name="caller">For whom.</param>
    /// <param name="references">The first page's reference count.</param>
    /// <returns>The block's address, or 0 when there is none.</returns>
    internal ulong Allocate(GfpFlags gfp, int order, ulong caller, int references = 1)
    {
        if (order > MemoryNode.MaximumOrder)
            return 0;
        if (FailAllocation is { } fail && (gfp & GfpFlags.NoFail) == 0
            && fail(new AllocationRequest(AllocatorKind.Pages, AddressSpace.PageSize << order, gfp, caller)))
            return 0;
        var (zone, frame) = FindBlock(gfp, order);
        if (zone is null)
            return 0;
        var address = AddressSpace.PageOffset + (frame << AddressSpace.PageShift);
        var pages = 1UL << order;
        _node.AddFree(zone, -(long)pages);
        ClearUsed(frame, pages, clear: _initialiseOnAllocation || (gfp & GfpFlags.Zero) != 0);
        _memory.Allow(address, pages << AddressSpace.PageShift);
        _pages.Prepare(address, pages, zone.Index, references);
        if (order > 0 && (gfp & GfpFlags.Compound) != 0)
            _pages.PrepareCompound(address, order);
        return address;
    }

    /// <summary>Frees a block, or a part of one, when the last reference to it is gone.</summary>
    internal void Free(ulong address, int order, ulong caller)
    {
        var frame = AddressSpace.ToFrame(address);
        var pages = 1UL << order;
        if (FindZone(frame) is not { } zone)
        {
            FreeOutside(address, pages);
            return;
        }

        foreach (var state in States(frame, pages))
        {
            if ((state & PageState.KindMask) != PageState.Allocated)
            {
                var kind = (state & PageState.KindMask) == PageState.Reserved ? MemoryErrorKind.InvalidFree : MemoryErrorKind.DoubleFree;
                _errors.ReportFree(kind, address, caller);
                return;
            }
        }

        _memory.SetAccess(address, pages << AddressSpace.PageShift, Shadow.FreePage);
        SetKind(frame, pages, PageState.Quarantined);
        _node.AddFree(zone, (long)pages);
        var page = AddressSpace.ToStructPage(address);
        _pages.SetPrivate(page, (ulong)order);
        ListHead.AddTail(_memory, page + _pages.Lru, Quarantine);
        _memory.WriteUInt64(QuarantinedPages, _memory.ReadUInt64(QuarantinedPages) + pages);
        while (_memory.ReadUInt64(QuarantinedPages) > QuarantineLimit)
            ReleaseOldest();
    }

    /// <summary>Takes pages of RAM for memory at addresses of its own, as vmalloc's is.</summary>
    /// <returns>False when there are not so many.</returns>
    internal bool Charge(ulong pages)
    {
        var zone = _node.Zones[^1];
        if (_memory.ReadUInt64(zone.FreeCount) < pages)
            return false;
        _node.AddFree(zone, -(long)pages);
        return true;
    }

    /// <summary>Gives back what <see cref="Charge"/> took.</summary>
    internal void Uncharge(ulong pages) => _node.AddFree(_node.Zones[^1], (long)pages);

    /// <summary>Whether a page of RAM is free, or waits to be.</summary>
    internal bool IsFree(ulong address)
    {
        var frame = AddressSpace.ToFrame(address);
        return FindZone(frame) is not null
            && (_memory.ReadByte(MetadataLayout.PageStates + frame) & PageState.KindMask) is not (PageState.Allocated or PageState.Reserved);
    }

    /// <summary>Whether a page of RAM is given out.</summary>
    internal bool IsAllocated(ulong address)
    {
        var frame = AddressSpace.ToFrame(address);
        return FindZone(frame) is not null
            && (_memory.ReadByte(MetadataLayout.PageStates + frame) & PageState.KindMask) == PageState.Allocated;
    }

    // A page of vmalloc space, or of the image, that was freed by itself: its last user was not the area it came from.
    private void FreeOutside(ulong address, ulong pages)
    {
        var size = pages << AddressSpace.PageShift;
        if (address >= AddressSpace.VmallocStart && address < AddressSpace.VmallocEnd)
        {
            _memory.Discard(address, size);
            _memory.SetAccess(address, size, Shadow.VmallocFreed);
            Uncharge(pages);
        }
        else
        {
            _memory.SetAccess(address, size, Shadow.InitFreed);
        }
    }
}
