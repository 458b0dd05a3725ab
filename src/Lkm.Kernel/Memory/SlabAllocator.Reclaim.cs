using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>
/// What happens when there are no pages for a slab (mm/slub.c, allocate_slab()): the image's page allocator is asked for as many as Linux would
/// take at least, with all that this may lead to, and slab_out_of_memory() is told when it has none.
/// </content>
public sealed partial class SlabAllocator
{
    private static readonly string[] s_fromSlab =
    [
        "__do_kmalloc_node", "__kmem_cache_alloc_node", "slab_alloc_node.constprop.0", "slab_alloc_node.isra.0", "__slab_alloc", "__slab_alloc.constprop.0",
        "__slab_alloc.isra.0", "___slab_alloc", "___slab_alloc.constprop.0", "refill_objects", "new_slab", "allocate_slab", "alloc_slab_page",
        .. PageReclaim.Allocators,
    ];

    private static readonly string[] s_fromLarge =
    [
        "kmalloc_large", "kmalloc_large_node", "__kmalloc_large_node", "___kmalloc_large_node", "kmalloc_order", "kmalloc_order_trace",
        .. PageReclaim.Allocators,
    ];

    private bool _lacksPages; // why the last allocation failed

    /// <summary>What makes room when memory is short.</summary>
    internal PageReclaim? Reclaim { get; set; }

    /// <summary>kmalloc(). More than there can be is left to the image's own function, which warns.</summary>
    internal GuestTask<ulong> KmallocOrReclaim(ulong size, GfpFlags gfp, CallFrame frame)
    {
        _lacksPages = false;
        var address = Kmalloc(size, gfp, frame);
        if (!_lacksPages || address != 0)
            return Done(address);
        if (Reclaim is not null && size <= MaximumKmalloc)
            return KmallocReclaimed(size, gfp, frame);
        frame.Decline();
        return Done(0);
    }

    private GuestTask<ulong> AllocateOrReclaim(SlabCache cache, uint requested, GfpFlags gfp, CallFrame frame)
    {
        _lacksPages = false;
        var address = AllocateObject(cache, requested, gfp, frame);
        return _lacksPages && address == 0 && Reclaim is not null ? AllocateReclaimed(cache, requested, gfp, frame) : Done(address);
    }

    private async GuestTask<ulong> KmallocReclaimed(ulong size, GfpFlags gfp, CallFrame frame)
    {
        if (KmallocCaches.IndexOf(size) is { } index)
            return await AllocateReclaimed(CacheAt(_memory.ReadUInt64(KmallocEntry(KmallocType(gfp), index))), (uint)size, gfp, frame);
        return await Reclaim!.MakeRoom((gfp & ~GfpFlags.Zero) | GfpFlags.Compound, OrderOf(size), s_fromLarge)
            ? AllocateLarge(size, gfp | GfpFlags.MemoryAllocator, frame)
            : 0;
    }

    private async GuestTask<ulong> AllocateReclaimed(SlabCache cache, uint requested, GfpFlags gfp, CallFrame frame) =>
        await MakeRoom(cache, gfp) ? AllocateObject(cache, requested, gfp | GfpFlags.MemoryAllocator, frame) : 0;

    private async GuestTask<ulong> AllocateFromReclaimed(SlabCache cache, GfpFlags gfp, CallFrame frame)
    {
        if (!await MakeRoom(cache, gfp)
            || !TryTake(cache, cache.Geometry.ObjectSize, gfp | GfpFlags.MemoryAllocator, frame, out var address, out var record))
            return 0;
        return cache.Constructor == 0 || record.IsConstructed ? address : await Construct(cache, address, record);
    }

    private async GuestTask<bool> MakeRoom(SlabCache cache, GfpFlags gfp)
    {
        const GfpFlags notForPages = GfpFlags.Zero | GfpFlags.Account;
        var compound = _struct.Order(cache.Address) > 0 ? GfpFlags.Compound : GfpFlags.None;
        if (await Reclaim!.MakeRoom(((gfp | cache.Gfp) & ~notForPages) | compound, _struct.LeastOrder(cache.Address), s_fromSlab))
            return true;
        const ulong anyNode = ulong.MaxValue;
        if (_image.TrySymbol("slab_out_of_memory", out var tell))
            await _calls.Call(tell, cache.Address, (uint)gfp, anyNode);
        return false;
    }
}
