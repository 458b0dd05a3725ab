using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>The functions of mm/page_alloc.c through which all others allocate and free.</content>
public sealed partial class PageAllocator
{
    [KernelFunction("__alloc_pages")]
    [KernelFunction("__alloc_pages_noprof", Since = "6.10")]
    [KernelFunction("__alloc_pages_nodemask")]
    private ulong AllocPages(uint gfp, int order, CallFrame frame) => AllocateOrDecline((GfpFlags)gfp, order, references: 1, frame);

    [KernelFunction("__alloc_frozen_pages_noprof", Since = "6.14")]
    private ulong AllocFrozenPages(uint gfp, int order, CallFrame frame) => AllocateOrDecline((GfpFlags)gfp, order, references: 0, frame);

    [KernelFunction("alloc_frozen_pages_nolock_noprof", Since = "6.18")]
    private ulong AllocFrozenPagesNolock(uint gfp, int node, int order, CallFrame frame) =>
        ToPage(Allocate((GfpFlags)gfp, order, frame.ReturnAddress, references: 0));

    /// <summary>
    /// Allocates while there is plenty. When memory is short, and of an order that there is none of, the image's own function knows what to do: it reclaims,
    /// and has its pages from <see cref="PageReclaim"/>.
    /// </summary>
    private ulong AllocateOrDecline(GfpFlags gfp, int order, int references, CallFrame frame)
    {
        var isOrder = order <= MemoryNode.MaximumOrder;
        if (isOrder && ShallFail(gfp, order, frame.ReturnAddress))
            return 0;
        var address = isOrder ? TakeFromPlenty(gfp, order, references) : 0;
        if (address == 0 && (!isOrder || _canReclaim))
            frame.Decline();
        return ToPage(address);
    }

    [KernelFunction("free_unref_page")]
    private void FreeUnrefPage(ulong page, int order, CallFrame frame) =>
        Free(AddressSpace.FromStructPage(page), _freeHasOrder ? order : 0, frame.ReturnAddress);

    [KernelFunction("__free_pages_ok")]
    [KernelFunction("free_frozen_pages", Since = "6.14")]
    [KernelFunction("__free_frozen_pages", Since = "6.18")]
    [KernelFunction("free_frozen_pages_nolock", Since = "6.18")]
    private void FreePagesOk(ulong page, int order, CallFrame frame) =>
        Free(AddressSpace.FromStructPage(page), order, frame.ReturnAddress);

    /// <summary>The image drops a reference, which a page that is free has none of: it would go below zero, and nobody would tell.</summary>
    [KernelFunction("__free_pages")]
    private void DropPages(ulong page, int order, CallFrame frame)
    {
        if (!ReportIfFree(AddressSpace.FromStructPage(page), frame.ReturnAddress))
            frame.Decline();
    }

    [KernelFunction("free_pages")]
    private void DropPagesAt(ulong address, int order, CallFrame frame)
    {
        if (!ReportIfFree(address, frame.ReturnAddress))
            frame.Decline();
    }

    [KernelFunction("free_unref_page_list")]
    private void FreeUnrefPageList(ulong list, CallFrame frame)
    {
        while (!ListHead.IsEmpty(_memory, list))
        {
            var entry = ListHead.Next(_memory, list);
            ListHead.Remove(_memory, entry);
            Free(AddressSpace.FromStructPage(entry - _pages.Lru), 0, frame.ReturnAddress);
        }
    }

    /// <summary>Frees the folios of a struct folio_batch, whose counts have reached zero, and empties it.</summary>
    [KernelFunction("free_unref_folios", Since = "6.9")]
    private void FreeUnrefFolios(ulong batch, CallFrame frame)
    {
        const ulong folios = 8; // struct folio_batch: a byte nr, padding, the pointers
        var count = _memory.ReadByte(batch);
        for (ulong i = 0; i < count; i++)
        {
            var folio = _memory.ReadUInt64(batch + folios + (i * sizeof(ulong)));
            Free(AddressSpace.FromStructPage(folio), _pages.Order(folio), frame.ReturnAddress);
        }

        _memory.WriteByte(batch, 0);
    }

    [KernelFunction("alloc_contig_pages", Support = Support.Partial, Note = "at most 4 MiB")]
    [KernelFunction("alloc_contig_pages_noprof", Support = Support.Partial, Note = "at most 4 MiB", Since = "6.10")]
    private ulong AllocContigPages(ulong count, uint gfp, CallFrame frame) => AllocateContiguous(count, gfp, frame, references: 1);

    [KernelFunction("alloc_contig_frozen_pages_noprof", Support = Support.Partial, Note = "at most 4 MiB", Since = "7.0")]
    private ulong AllocContigFrozenPages(ulong count, uint gfp, CallFrame frame) => AllocateContiguous(count, gfp, frame, references: 0);

    /// <summary>Asks for certain frames: they are free or they are not, as nothing is moved out of the way.</summary>
    [KernelFunction("alloc_contig_range", Support = Support.Partial, Note = "no pages are moved: always -EBUSY")]
    [KernelFunction("alloc_contig_range_noprof", Support = Support.Partial, Note = "no pages are moved: always -EBUSY", Since = "6.10")]
    [KernelFunction("alloc_contig_frozen_range_noprof", Support = Support.Partial, Note = "no pages are moved: always -EBUSY", Since = "7.0")]
    private int AllocContigRange()
    {
        const int busy = 16;
        return -busy;
    }

    private ulong AllocateContiguous(ulong count, uint gfp, CallFrame frame, int references)
    {
        if (count is 0 or > 1UL << MemoryNode.MaximumOrder)
            return 0;
        var order = System.Numerics.BitOperations.Log2((count * 2) - 1);
        var address = Allocate((GfpFlags)gfp & ~GfpFlags.Compound, order, frame.ReturnAddress);
        if (address == 0)
            return 0;
        for (ulong i = 0; i < count; i++)
            _pages.SetReferences(AddressSpace.ToStructPage(address + (i << AddressSpace.PageShift)), references);
        for (var i = count; i < 1UL << order; i++)
            Free(address + (i << AddressSpace.PageShift), 0, frame.ReturnAddress);
        return AddressSpace.ToStructPage(address);
    }

    private static ulong ToPage(ulong address) => address == 0 ? 0 : AddressSpace.ToStructPage(address);
}
