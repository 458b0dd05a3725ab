using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <content>The free lists: blocks of 2^n pages, aligned to their size; halves are split off and joined again.</content>
public sealed partial class PageAllocator
{
    /// <summary>Makes all pages that wait available again.</summary>
    internal void DrainQuarantine()
    {
        while (!ListHead.IsEmpty(_memory, Quarantine))
            ReleaseOldest();
    }

    private bool TryTake(Zone zone, int order, out ulong frame)
    {
        frame = 0;
        if (_memory.ReadUInt64(zone.FreeCount) < 1UL << order)
            return false;
        if (TryTakeFree(zone, order, out frame))
            return true;
        if (ListHead.IsEmpty(_memory, Quarantine))
            return false;
        DrainQuarantine();
        return TryTakeFree(zone, order, out frame);
    }

    private bool TryTakeFree(Zone zone, int order, out ulong frame)
    {
        for (var at = order; at <= MemoryNode.MaximumOrder; at++)
        {
            var list = FreeList(zone, at);
            if (ListHead.IsEmpty(_memory, list))
                continue;
            var page = ListHead.Next(_memory, list) - _pages.Lru;
            frame = AddressSpace.ToFrame(AddressSpace.FromStructPage(page));
            RemoveFreeBlock(zone, frame, at);
            while (at > order)
            {
                at--;
                AddFreeBlock(zone, frame + (1UL << at), at);
            }

            SetKind(frame, 1UL << order, PageState.Allocated);
            return true;
        }

        frame = 0;
        return false;
    }

    private void ReleaseOldest()
    {
        var page = ListHead.Next(_memory, Quarantine) - _pages.Lru;
        var order = (int)_pages.Private(page);
        ListHead.Remove(_memory, page + _pages.Lru);
        _memory.WriteUInt64(QuarantinedPages, _memory.ReadUInt64(QuarantinedPages) - (1UL << order));
        var frame = AddressSpace.ToFrame(AddressSpace.FromStructPage(page));
        var zone = FindZone(frame)!;
        SetKind(frame, 1UL << order, PageState.FreeTail);
        for (; order < MemoryNode.MaximumOrder; order++)
        {
            var buddy = frame ^ (1UL << order);
            if (buddy < zone.FirstFrame || buddy + (1UL << order) > zone.EndFrame || !IsFreeHead(buddy, order))
                break;
            RemoveFreeBlock(zone, buddy, order);
            frame &= ~(1UL << order);
        }

        AddFreeBlock(zone, frame, order);
    }

    private bool IsFreeHead(ulong frame, int order) =>
        (_memory.ReadByte(MetadataLayout.PageStates + frame) & (PageState.KindMask | PageState.OrderMask)) == (PageState.FreeHead | order);

    private void AddFreeBlock(Zone zone, ulong frame, int order)
    {
        var page = AddressSpace.Vmemmap + (frame * AddressSpace.StructPageSize);
        _pages.SetPrivate(page, (ulong)order);
        ListHead.AddAfter(_memory, page + _pages.Lru, FreeList(zone, order));
        CountFreeBlock(zone, order, 1);
        var state = MetadataLayout.PageStates + frame;
        _memory.WriteByte(state, (byte)((_memory.ReadByte(state) & PageState.Used) | PageState.FreeHead | order));
    }

    private void RemoveFreeBlock(Zone zone, ulong frame, int order)
    {
        ListHead.Remove(_memory, AddressSpace.Vmemmap + (frame * AddressSpace.StructPageSize) + _pages.Lru);
        CountFreeBlock(zone, order, -1);
        SetKind(frame, 1, PageState.FreeTail);
    }

    private ulong FreeList(Zone zone, int order) =>
        zone.FreeAreas + ((ulong)order * _node.FreeAreaSize) + (MemoryNode.MigrateType * 16);

    private void CountFreeBlock(Zone zone, int order, long change)
    {
        var count = zone.FreeAreas + ((ulong)order * _node.FreeAreaSize) + _node.FreeAreaSize - sizeof(ulong); // nr_free
        _memory.WriteInt64(count, _memory.ReadInt64(count) + change);
    }

    private Zone? FindZone(ulong frame)
    {
        foreach (var zone in _node.Zones)
        {
            if (frame >= zone.FirstFrame && frame < zone.EndFrame)
                return zone;
        }

        return null;
    }

    private Span<byte> States(ulong frame, ulong pages) => _memory.Span(MetadataLayout.PageStates + frame, (int)pages);

    private void SetKind(ulong frame, ulong pages, byte kind)
    {
        foreach (ref var state in States(frame, pages))
            state = (byte)((state & PageState.Used) | kind);
    }

    // Only a page that was given out before can hold anything: fresh memory is zero, and costs nothing until it is touched.
    private void ClearUsed(ulong frame, ulong pages, bool clear)
    {
        foreach (ref var state in States(frame, pages))
        {
            if (clear && (state & PageState.Used) != 0)
                _memory.Clear(AddressSpace.PageOffset + (frame << AddressSpace.PageShift), AddressSpace.PageSize);
            state |= PageState.Used;
            frame++;
        }
    }
}
