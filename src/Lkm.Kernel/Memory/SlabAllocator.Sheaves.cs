using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>
/// Sheaves (6.18 and later): a caller that must not fail later takes an array of objects first. Only those that callers hold exist here;
/// SLUB's per-CPU sheaves are its way to be fast.
/// </content>
public sealed partial class SlabAllocator
{
    /// <summary>Allocates a sheaf, and objects into it.</summary>
    [KernelFunction("kmem_cache_prefill_sheaf", Since = "6.18")]
    private async GuestTask<ulong> KmemCachePrefillSheaf(ulong cache, uint gfp, uint size, CallFrame frame)
    {
        var layout = _image.Struct("slab_sheaf");
        var sheaf = Kmalloc(layout["objects"] + (size * sizeof(ulong)), GfpFlags.Zero | (GfpFlags)gfp, frame);
        if (sheaf == 0)
            return 0;
        _memory.WriteUInt32(sheaf + layout["capacity"], size);
        _memory.WriteUInt64(sheaf + layout["cache"], cache);
        if (await FillSheaf(cache, gfp, sheaf, size, frame))
            return sheaf;
        EmptySheaf(cache, sheaf, frame);
        return 0;
    }

    /// <summary>Fills a sheaf up to a number of objects; one that is too small is replaced.</summary>
    [KernelFunction("kmem_cache_refill_sheaf", Since = "6.18")]
    private async GuestTask<int> KmemCacheRefillSheaf(ulong cache, uint gfp, ulong place, uint size, CallFrame frame)
    {
        const int noMemory = 12;
        var layout = _image.Struct("slab_sheaf");
        var sheaf = _memory.ReadUInt64(place);
        if (_memory.ReadUInt32(sheaf + layout["capacity"]) >= size)
            return await FillSheaf(cache, gfp, sheaf, size, frame) ? 0 : -noMemory;
        var larger = await KmemCachePrefillSheaf(cache, gfp, size, frame);
        if (larger == 0)
            return -noMemory;
        EmptySheaf(cache, sheaf, frame);
        _memory.WriteUInt64(place, larger);
        return 0;
    }

    [KernelFunction("kmem_cache_return_sheaf", Since = "6.18")]
    private void KmemCacheReturnSheaf(ulong cache, uint gfp, ulong sheaf, CallFrame frame) => EmptySheaf(cache, sheaf, frame);

    /// <summary>Takes the last object out of a sheaf; 0 when it is empty.</summary>
    [KernelFunction("kmem_cache_alloc_from_sheaf_noprof", Since = "6.18")]
    private ulong KmemCacheAllocFromSheaf(ulong cache, uint gfp, ulong sheaf)
    {
        var layout = _image.Struct("slab_sheaf");
        var count = _memory.ReadUInt32(sheaf + layout["size"]);
        if (count == 0)
            return 0;
        _memory.WriteUInt32(sheaf + layout["size"], count - 1);
        var address = _memory.ReadUInt64(sheaf + layout["objects"] + ((count - 1) * sizeof(ulong)));
        if (ShallZero(CacheAt(cache), (GfpFlags)gfp))
            _memory.Clear(address, _struct.ObjectSize(cache));
        return address;
    }

    private async GuestTask<bool> FillSheaf(ulong cache, uint gfp, ulong sheaf, uint size, CallFrame frame)
    {
        var layout = _image.Struct("slab_sheaf");
        for (var count = _memory.ReadUInt32(sheaf + layout["size"]); count < size; count++)
        {
            var address = await AllocateFrom(cache, gfp, frame);
            if (address == 0)
                return false;
            _memory.WriteUInt64(sheaf + layout["objects"] + (count * sizeof(ulong)), address);
            _memory.WriteUInt32(sheaf + layout["size"], count + 1);
        }

        return true;
    }

    private void EmptySheaf(ulong cache, ulong sheaf, CallFrame frame)
    {
        var layout = _image.Struct("slab_sheaf");
        var count = _memory.ReadUInt32(sheaf + layout["size"]);
        for (uint i = 0; i < count; i++)
            FreeObject(_memory.ReadUInt64(sheaf + layout["objects"] + (i * sizeof(ulong))), cache, frame);
        FreeObject(sheaf, 0, frame);
    }
}
