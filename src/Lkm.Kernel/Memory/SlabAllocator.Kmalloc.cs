using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>kmalloc(), kfree() and their kin (mm/slab_common.c).</content>
public sealed partial class SlabAllocator
{
    private const string OneNode = "there is one node: the node asked for is not looked at";

    [KernelFunction("__kmalloc")]
    [KernelFunction("__kmalloc_noprof", Since = "6.10")]
    [KernelFunction("kmalloc_large")]
    [KernelFunction("__kmalloc_large_noprof", Since = "6.10")]
    [KernelFunction("kmalloc_order")]
    [KernelFunction("kmalloc_order_trace")]
    [KernelFunction("kmalloc_large_node", Note = OneNode)]
    [KernelFunction("__kmalloc_large_node_noprof", Note = OneNode, Since = "6.10")]
    [KernelFunction("__kmalloc_track_caller")]
    [KernelFunction("_kmalloc_nolock_noprof", Note = OneNode, Since = "7.1")]
    [KernelFunction("__kmalloc_flags_noprof", Note = OneNode, Since = "7.2")]
    private GuestTask<ulong> Kmalloc(ulong size, uint gfp, CallFrame frame) => KmallocOrReclaim(size, (GfpFlags)gfp, frame);

    /// <summary>6.11 and later, with CONFIG_SLAB_BUCKETS, pass a set of caches between size and flags.</summary>
    [KernelFunction("__kmalloc_node", Note = OneNode)]
    [KernelFunction("__kmalloc_node_noprof", Note = OneNode, Since = "6.10")]
    [KernelFunction("__kmalloc_node_track_caller", Note = OneNode)]
    [KernelFunction("__kmalloc_node_track_caller_noprof", Note = OneNode, Since = "6.10")]
    private GuestTask<ulong> KmallocNode(ulong size, ulong gfpOrBuckets, uint gfp, CallFrame frame) =>
        KmallocOrReclaim(size, (GfpFlags)(_hasBuckets ? gfp : (uint)gfpOrBuckets), frame);

    [KernelFunction("kmalloc_trace")]
    [KernelFunction("__kmalloc_cache_noprof", Since = "6.10")]
    [KernelFunction("kmem_cache_alloc_trace")]
    private GuestTask<ulong> KmallocTrace(ulong cache, uint gfp, ulong size, CallFrame frame) =>
        cache <= ZeroSizePointer ? Done(cache) : AllocateOrReclaim(CacheAt(cache), (uint)size, (GfpFlags)gfp, frame);

    [KernelFunction("kmalloc_node_trace", Note = OneNode)]
    [KernelFunction("__kmalloc_cache_node_noprof", Note = OneNode, Since = "6.10")]
    [KernelFunction("kmem_cache_alloc_node_trace", Note = OneNode)]
    private GuestTask<ulong> KmallocNodeTrace(ulong cache, uint gfp, int node, ulong size, CallFrame frame) =>
        KmallocTrace(cache, gfp, size, frame);

    [KernelFunction("kfree")]
    [KernelFunction("kfree_nolock", Since = "6.18")]
    private void Kfree(ulong pointer, CallFrame frame) => FreeObject(pointer, 0, frame);

    /// <summary>The place's whole size; from here on the caller may use it all. kfree_sensitive() has ksize() inlined, and calls __ksize().</summary>
    [KernelFunction("ksize")]
    [KernelFunction("__ksize")]
    private ulong Ksize(ulong pointer, CallFrame frame)
    {
        if (!TryFindLive(pointer, frame, out var slab, out var record))
            return 0;
        var size = PlaceSize(slab);
        record.Requested = (uint)size;
        _memory.Allow(pointer, size);
        return size;
    }

    [KernelFunction("kmalloc_size_roundup")]
    private ulong KmallocSizeRoundup(ulong size) => size switch
    {
        0 => 0,
        > MaximumKmalloc => size,
        _ => KmallocCaches.IndexOf(size) is { } index ? KmallocCaches.SizeOf(index) : AddressSpace.PageSize << OrderOf(size),
    };

    [KernelFunction("kmalloc_slab")]
    private ulong KmallocSlab(ulong size, uint gfp) =>
        size == 0 ? ZeroSizePointer
        : KmallocCaches.IndexOf(size) is { } index ? _memory.ReadUInt64(KmallocEntry(KmallocType((GfpFlags)gfp), index))
        : 0;

    [KernelFunction("krealloc")]
    [KernelFunction("krealloc_noprof", Since = "6.10")]
    private GuestTask<ulong> Krealloc(ulong pointer, ulong size, uint gfp, CallFrame frame)
    {
        if (pointer <= ZeroSizePointer)
            return KmallocOrReclaim(size, (GfpFlags)gfp, frame);
        if (size == 0)
        {
            FreeObject(pointer, 0, frame);
            return Done(ZeroSizePointer);
        }

        if (!TryFindLive(pointer, frame, out var slab, out var record))
            return Done(0);
        var place = PlaceSize(slab);
        if (size <= place)
        {
            var zero = _pages.InitialiseOnAllocation || ((GfpFlags)gfp & GfpFlags.Zero) != 0;
            if (zero && record.Requested < place)
                _memory.Clear(pointer + record.Requested, place - record.Requested);
            if (zero)
                _memory.Clear(pointer + size, place - size);
            _memory.SetAccess(pointer, place, Shadow.Redzone);
            GiveOut(record, pointer, (uint)size, frame);
            return Done(pointer);
        }

        return MoveTo(pointer, record.Requested, size, (GfpFlags)gfp, frame);
    }

    private async GuestTask<ulong> MoveTo(ulong pointer, uint length, ulong size, GfpFlags gfp, CallFrame frame)
    {
        var copy = await KmallocOrReclaim(size, gfp, frame);
        if (copy == 0)
            return 0;
        _memory.Copy(pointer, copy, length);
        FreeObject(pointer, 0, frame);
        return copy;
    }

    [KernelFunction("krealloc_node_align_noprof", Since = "6.18", Support = Support.Partial, Note = "alignment beyond kmalloc's own is not looked at")]
    private GuestTask<ulong> KreallocNodeAlign(ulong pointer, ulong size, ulong align, uint gfp, CallFrame frame) =>
        Krealloc(pointer, size, gfp, frame);

    private ulong PlaceSize(SlabRecord slab) => slab.Cache == 0 ? slab.Stride : _struct.ObjectSize(slab.Cache);

    /// <summary>Finds a live object by its address; anything else is an error of the caller's, which is reported as KASAN reports it.</summary>
    private bool TryFindLive(ulong pointer, CallFrame frame, out SlabRecord slab, out ObjectRecord record)
    {
        (slab, record) = (default, default);
        if (pointer <= ZeroSizePointer)
            return false;
        slab = SlabOf(pointer);
        var index = slab.Exists ? slab.IndexOf(pointer) : -1;
        if (index >= 0 && slab.ObjectAddress(index) == pointer)
        {
            record = slab[index];
            if (record.State == ObjectState.Allocated)
                return true;
        }

        _errors.ReportAccess(pointer, 1, isWrite: false, frame.ReturnAddress);
        return false;
    }
}
