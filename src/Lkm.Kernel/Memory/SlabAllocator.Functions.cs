using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>The kmem_cache functions (mm/slab_common.c, mm/slub.c).</content>
public sealed partial class SlabAllocator
{
    [KernelFunction("kmem_cache_create")]
    private GuestTask<ulong> KmemCacheCreate(ulong name, uint size, uint align, uint flags, ulong constructor, CallFrame frame) =>
        CreateCache(name, size, align, flags, 0, 0, constructor, frame);

    [KernelFunction("kmem_cache_create_usercopy")]
    private GuestTask<ulong> KmemCacheCreateUsercopy(
        ulong name, uint size, uint align, uint flags, uint userOffset, uint userSize, ulong constructor, CallFrame frame) =>
        CreateCache(name, size, align, flags, userOffset, userSize, constructor, frame);

    /// <summary>6.12: what is rarely given comes in a struct kmem_cache_args.</summary>
    [KernelFunction("__kmem_cache_create_args", Since = "6.12")]
    private GuestTask<ulong> KmemCacheCreateArgs(ulong name, uint size, ulong arguments, uint flags, CallFrame frame)
    {
        var layout = _image.Struct("kmem_cache_args");
        return CreateCache(name, size, Read("align"), flags, Read("useroffset"), Read("usersize"),
            _memory.ReadUInt64(arguments + layout["ctor"]), frame, layout.Find("use_freeptr_offset") is { } inside && _memory.ReadByte(arguments + inside) != 0);

        uint Read(string member) => _memory.ReadUInt32(arguments + layout[member]);
    }

    [KernelFunction("kmem_cache_destroy")]
    private GuestTask KmemCacheDestroy(ulong cache, CallFrame frame) => DestroyCache(cache, frame);

    /// <summary>What the kobject of a cache calls when the last reference to it is gone.</summary>
    [KernelFunction("slab_kmem_cache_release")]
    private void SlabKmemCacheRelease(ulong cache) => ReleaseCache(cache);

    [KernelFunction("kmem_cache_size")]
    private uint KmemCacheSize(ulong cache)
    {
        var merged = ListHead.IsEmpty(_memory, _struct.ListNode(cache)) ? FindMergeable(_struct.Stride(cache), _struct.Align(cache), _struct.Flags(cache)) : 0;
        return merged == 0 ? _struct.ObjectSize(cache) : Math.Max(_struct.ObjectSize(cache), _struct.ObjectSize(merged));
    }

    [KernelFunction("kmem_cache_shrink")]
    private int KmemCacheShrink(ulong cache)
    {
        ReleaseQuarantineOf(cache);
        RemoveEmptySlabs(cache);
        return 0;
    }

    [KernelFunction("kmem_cache_alloc")]
    [KernelFunction("kmem_cache_alloc_noprof", Since = "6.10")]
    [KernelFunction("kmem_cache_alloc_node", Note = OneNode)]
    [KernelFunction("kmem_cache_alloc_node_noprof", Note = OneNode, Since = "6.10")]
    private GuestTask<ulong> KmemCacheAlloc(ulong cache, uint gfp, CallFrame frame) => AllocateFrom(cache, gfp, frame);

    [KernelFunction("kmem_cache_alloc_lru")]
    [KernelFunction("kmem_cache_alloc_lru_noprof", Since = "6.10")]
    private GuestTask<ulong> KmemCacheAllocLru(ulong cache, ulong lru, uint gfp, CallFrame frame) => AllocateFrom(cache, gfp, frame);

    /// <summary>All or nothing: the number of objects, or 0; 7.1 made it a bool.</summary>
    [KernelFunction("kmem_cache_alloc_bulk")]
    [KernelFunction("kmem_cache_alloc_bulk_noprof", Since = "6.10")]
    private async GuestTask<int> KmemCacheAllocBulk(ulong cache, uint gfp, ulong count, ulong pointers, CallFrame frame)
    {
        for (ulong i = 0; i < count; i++)
        {
            var address = await AllocateFrom(cache, gfp, frame);
            if (address == 0)
            {
                while (i-- > 0)
                    FreeObject(_memory.ReadUInt64(pointers + (i * 8)), cache, frame);
                return 0;
            }

            _memory.WriteUInt64(pointers + (i * 8), address);
        }

        return _bulkTellsOnlySuccess ? 1 : (int)count;
    }

    /// <summary>Charges an object to a control group after the fact; control groups are not charged here.</summary>
    [KernelFunction("kmem_cache_charge", Since = "6.12", Support = Support.Partial, Note = "kernel memory is not charged to control groups")]
    private bool KmemCacheCharge() => true;

    [KernelFunction("kmem_cache_free")]
    private void KmemCacheFree(ulong cache, ulong pointer, CallFrame frame) => FreeObject(pointer, cache, frame);

    /// <summary>With a null cache it is kfree_bulk().</summary>
    [KernelFunction("kmem_cache_free_bulk")]
    private void KmemCacheFreeBulk(ulong cache, ulong count, ulong pointers, CallFrame frame)
    {
        for (ulong i = 0; i < count; i++)
            FreeObject(_memory.ReadUInt64(pointers + (i * 8)), cache, frame);
    }

    /// <summary>
    /// A row of /proc/slabinfo: the slabs that Linux would have. It counts all places of the slab that a processor allocates from as given out,
    /// and that is where the free ones are.
    /// </summary>
    [KernelFunction("get_slabinfo")]
    private void GetSlabinfo(ulong cache, ulong info)
    {
        var layout = _image.Struct("slabinfo");
        var inSlab = (ulong)_struct.ObjectsPerSlab(cache);
        var slabs = Math.Max((_struct.Active(cache) + inSlab - 1) / inSlab, _struct.Slabs(cache) > 0 ? 1UL : 0);
        _memory.WriteUInt64(info + layout["active_objs"], slabs * inSlab);
        _memory.WriteUInt64(info + layout["num_objs"], slabs * inSlab);
        _memory.WriteUInt64(info + layout["active_slabs"], slabs);
        _memory.WriteUInt64(info + layout["num_slabs"], slabs);
        _memory.WriteInt32(info + layout["objects_per_slab"], (int)inSlab);
        _memory.WriteInt32(info + layout["cache_order"], _struct.Order(cache));
    }

    /// <summary>
    /// The hardened usercopy check: a copy to or from user space must stay inside the part of an object that its cache allows for it.
    /// </summary>
    [KernelFunction("__check_heap_object")]
    private GuestTask CheckHeapObject(ulong pointer, ulong length, ulong slabPage, bool toUser)
    {
        var slab = SlabOf(pointer);
        var index = slab.Exists ? slab.IndexOf(pointer) : -1;
        if (index < 0 || slab.Cache == 0)
            return GuestTask.Completed;
        // Behind an object lies the next one in Linux, which has no red zones: what is copied there is none of this check's.
        if (pointer < slab.ObjectAddress(index))
            index--;
        if (index < 0)
            return GuestTask.Completed;
        var (start, size) = _struct.UserRegion(slab.Cache);
        var offset = (pointer - slab.ObjectAddress(index)) % _struct.Stride(slab.Cache);
        var isInside = offset >= start && offset - start <= size && length <= start - offset + size;
        return isInside ? GuestTask.Completed : AbortUsercopy(slab.Cache, offset, length, toUser);
    }

    private async GuestTask AbortUsercopy(ulong cache, ulong offset, ulong length, bool toUser)
    {
        const string check = "__check_heap_object", abort = "usercopy_abort";
        var what = "SLUB object"u8.ToArray();
        var (site, text) = Chain?.Sites.FindWith(check, abort, what) ?? default;
        if (text == 0)
            text = _arena.AllocateString(what);
        var (name, direction) = (_struct.NameAddress(cache), toUser ? 1UL : 0);
        await (Chain is { } chain
            ? chain.Call([site != 0 ? site : chain.Sites.Find(check, abort)], _image.Symbol(abort), text, name, direction, offset, length)
            : _calls.Call(_image.Symbol(abort), text, name, direction, offset, length));
    }

    /// <summary>What is known of an object, for mem_dump_obj() (struct kmem_obj_info).</summary>
    [KernelFunction("__kmem_obj_info")]
    [KernelFunction("kmem_obj_info")]
    private void KmemObjInfo(ulong info, ulong pointer, ulong slabPage)
    {
        var layout = _image.Struct("kmem_obj_info");
        _memory.WriteUInt64(info + layout["kp_ptr"], pointer);
        _memory.WriteUInt64(info + (layout.Find("kp_slab") ?? layout["kp_page"]), slabPage);
        var slab = SlabOf(pointer);
        var index = slab.Exists ? slab.IndexOf(pointer) : -1;
        if (index < 0 || slab.Cache == 0)
            return;
        _memory.WriteUInt64(info + layout["kp_slab_cache"], slab.Cache);
        _memory.WriteUInt64(info + layout["kp_objp"], slab.ObjectAddress(index));
        var record = slab[index];
        if (_tracks[record.AllocationTrack] is { Frames: [var caller, ..] } allocated)
        {
            _memory.WriteUInt64(info + layout["kp_ret"], caller);
            WriteFrames(info + layout["kp_stack"], allocated.Frames);
        }

        if (_tracks[record.FreeTrack] is { } freed)
            WriteFrames(info + layout["kp_free_stack"], freed.Frames);
    }

    private void WriteFrames(ulong array, IReadOnlyList<ulong> frames)
    {
        const int most = 16; // KS_ADDRS_COUNT
        for (var i = 0; i < Math.Min(frames.Count, most); i++)
            _memory.WriteUInt64(array + ((ulong)i * 8), frames[i]);
    }
}
