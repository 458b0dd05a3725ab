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
    private const ulong ChargedLow = MetadataLayout.PageAllocatorState + 24; // pages that are charged to the lowest zone
    private const ulong QuarantineLimit = 1024; // pages

    private readonly GuestMemory _memory;
    private readonly MemoryErrors _errors;
    private readonly PageStruct _pages;
    private readonly MemoryNode _node;
    private readonly bool _initialiseOnAllocation;
    private readonly bool _freeHasOrder, _freshAreFrozen, _canReclaim;

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
        _freshAreFrozen = image.TrySymbol("__alloc_frozen_pages_noprof", out _); // get_page_from_freelist() then counts no reference
        _canReclaim = image.TrySymbol("get_page_from_freelist", out _);
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
        return order > MemoryNode.MaximumOrder || ShallFail(gfp, order, caller) ? 0 : TakeFromPlenty(gfp, order, references);
    }

    /// <summary>Takes a block from a zone that has more than its low watermark.</summary>
    /// <returns>The block's address, or 0 when memory is short.</returns>
    internal ulong TakeFromPlenty(GfpFlags gfp, int order, int references)
    {
        for (var i = FirstZone(gfp); i >= 0; i--)
        {
            var zone = _node.Zones[i];
            if (HasMore(zone, gfp, 1UL << order, Mark.Low) && TakeFrom(zone, gfp, order, references) is var address and not 0)
                return address;
        }

        return 0;
    }

    /// <summary>Takes a block from a zone, whatever its watermarks are.</summary>
    /// <returns>The block's address, or 0 when there is none.</returns>
    internal ulong TakeFrom(Zone zone, GfpFlags gfp, int order, int? references = null)
    {
        if (!TryTake(zone, order, out var frame))
            return 0;
        var address = AddressSpace.PageOffset + (frame << AddressSpace.PageShift);
        var pages = 1UL << order;
        _node.AddFree(zone, -(long)pages);
        ClearUsed(frame, pages, clear: _initialiseOnAllocation || (gfp & GfpFlags.Zero) != 0);
        _memory.Allow(address, pages << AddressSpace.PageShift);
        _pages.Prepare(address, pages, zone.Index, references ?? (_freshAreFrozen ? 0 : 1));
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

    /// <summary>Reports a free of a page that is free, in the name of who asks.</summary>
    /// <param name="address">The page's address in the direct map; another is nobody's.</param>
    /// <param name="caller">Where it was asked for.</param>
    /// <returns>Whether it is.</returns>
    private bool ReportIfFree(ulong address, ulong caller)
    {
        var frame = AddressSpace.ToFrame(address);
        if (address < AddressSpace.PageOffset || FindZone(frame) is null || (States(frame, 1)[0] & PageState.KindMask) is PageState.Allocated or PageState.Reserved)
            return false;
        _errors.ReportFree(MemoryErrorKind.DoubleFree, address, caller);
        return true;
    }

    /// <summary>Makes a block that nobody has used available again at once.</summary>
    internal void GiveBack(ulong address, int order)
    {
        DrainQuarantine();
        Free(address, order, 0);
        DrainQuarantine();
    }

    /// <summary>Takes pages of RAM for memory at addresses of its own, as vmalloc's is.</summary>
    /// <returns>False when there are not so many above a watermark.</returns>
    internal bool Charge(ulong pages, Mark mark = Mark.Low)
    {
        ulong available = 0;
        foreach (var zone in _node.Zones)
            available += Available(zone, mark);
        if (available < pages)
            return false;
        ChargeAvailable(pages, mark);
        return true;
    }

    /// <summary>Takes as many pages as <see cref="Charge"/> could, or <paramref name="most"/>.</summary>
    /// <returns>How many these are.</returns>
    internal ulong ChargeAvailable(ulong most, Mark mark)
    {
        ulong charged = 0;
        for (var i = _node.Zones.Length - 1; i >= 0; i--)
        {
            var zone = _node.Zones[i];
            var pages = Math.Min(most - charged, Available(zone, mark));
            _node.AddFree(zone, -(long)pages);
            charged += pages;
            if (i < _node.Zones.Length - 1)
                _memory.WriteUInt64(ChargedLow, _memory.ReadUInt64(ChargedLow) + pages);
        }

        return charged;
    }

    /// <summary>The zone that an allocation is tried in first; then come the lower ones.</summary>
    internal int FirstZone(GfpFlags gfp) => (gfp & GfpFlags.Dma) != 0 ? 0 : _node.Zones.Length - 1;

    /// <summary>gfp_zone(): the index of the highest zone that an allocation could use, if there were memory in it.</summary>
    internal int HighestZone(GfpFlags gfp) =>
        (gfp & GfpFlags.Dma) != 0 ? _node.Zones[0].Index : (gfp & GfpFlags.Dma32) != 0 ? _node.Zones[^1].Index : _node.OutsideZone;

    /// <summary>A watermark of a zone, in pages.</summary>
    /// <param name="zone">The zone.</param>
    /// <param name="allocFlags">Flags whose lowest two bits are the watermark's number (ALLOC_WMARK_MASK).</param>
    internal ulong Watermark(Zone zone, uint allocFlags) =>
        _memory.ReadUInt64(_node.WatermarkOf(zone, (int)(allocFlags & 3))) + _node.WatermarkBoost(zone);

    /// <summary>Whether a zone has more free pages than a watermark when some were taken (zone_watermark_fast()).</summary>
    private bool HasMore(Zone zone, GfpFlags gfp, ulong pages, Mark mark)
    {
        var free = _memory.ReadUInt64(zone.FreeCount);
        return free >= pages
            && ((gfp & GfpFlags.MemoryAllocator) != 0 || free - pages >= Watermark(zone, (uint)mark) + _node.Reserve(zone, HighestZone(gfp)));
    }

    /// <summary>The pages of a zone that memory of any kind can have.</summary>
    private ulong Available(Zone zone, Mark mark)
    {
        var free = _memory.ReadUInt64(zone.FreeCount);
        return free - Math.Min(free, Watermark(zone, (uint)mark) + _node.Reserve(zone, _node.OutsideZone));
    }

    /// <summary>Whether an allocation is to fail, for <see cref="FailAllocation"/>.</summary>
    internal bool ShallFail(GfpFlags gfp, int order, ulong caller) =>
        FailAllocation is { } fail && (gfp & GfpFlags.NoFail) == 0
        && fail(new AllocationRequest(AllocatorKind.Pages, AddressSpace.PageSize << order, gfp, caller));

    /// <summary>Gives back what <see cref="Charge"/> took.</summary>
    internal void Uncharge(ulong pages)
    {
        var low = Math.Min(pages, _memory.ReadUInt64(ChargedLow));
        _memory.WriteUInt64(ChargedLow, _memory.ReadUInt64(ChargedLow) - low);
        _node.AddFree(_node.Zones[0], (long)low);
        _node.AddFree(_node.Zones[^1], (long)(pages - low));
    }

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
