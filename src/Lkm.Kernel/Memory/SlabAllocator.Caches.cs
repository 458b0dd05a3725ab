using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>Caches: those of kmalloc, made at boot, and those that kmem_cache_create() makes.</content>
public sealed partial class SlabAllocator
{
    /// <summary>Makes the caches of caches and of kmalloc: kmem_cache_init() and create_kmalloc_caches().</summary>
    public void CreateBootCaches()
    {
        if (ListHead.IsEmpty(_memory, _slabCaches))
            ListHead.Initialize(_memory, _slabCaches);
        var first = _arena.AllocateShared(_struct.TotalSize);
        WriteCache(first, "kmem_cache", (uint)_struct.TotalSize, _flags.CacheLineAligned, 0, 0, shown: SlubGeometry.Of(_struct.SizeOnLinux, align: 64, false, false));
        _struct.SetUnmergeable(first);
        _memory.WriteUInt64(_image.Symbol("kmem_cache"), first);
        var nodes = NewCache("kmem_cache_node", (uint)_struct.NodeSize, 0, _flags.CacheLineAligned, 0, 0, 0, null);
        _struct.SetUnmergeable(nodes);
        _memory.WriteUInt64(_nodeCaches, nodes);
        _struct.AddActive(nodes, 2); // of these two
        CreateKmallocCaches();
        if (_image.TrySymbol("kmem_buckets_cache", out var buckets)) // CONFIG_SLAB_BUCKETS
            _memory.WriteUInt64(buckets, NewCache("kmalloc_buckets", KmallocCaches.Count * sizeof(ulong), 0, 0, 0, 0, 0, null));
        var up = _image.Enumerator("UP") ?? throw new KernelMismatchException("this kernel has no slab_state UP");
        _memory.WriteInt32(_slabState, (int)up);
    }

    private void CreateKmallocCaches()
    {
        var types = _image.Enumerator("NR_KMALLOC_TYPES") ?? throw new KernelMismatchException("this kernel has no NR_KMALLOC_TYPES");
        CreateKmallocRow(0, "kmalloc-", 0);
        CreateKmallocRow(_accountedType, "kmalloc-cg-", _flags.Account);
        CreateKmallocRow(_reclaimableType, "kmalloc-rcl-", _flags.Reclaimable);
        CreateKmallocRow(_dmaType, "dma-kmalloc-", _flags.Dma);

        // Random copies of the normal caches (CONFIG_RANDOM_KMALLOC_CACHES) are the normal ones: objects lie apart anyway.
        for (var type = 1; type < types; type++)
        {
            for (var index = 1; index < KmallocCaches.Count; index++)
            {
                if (_memory.ReadUInt64(KmallocEntry(type, index)) == 0)
                    _memory.WriteUInt64(KmallocEntry(type, index), _memory.ReadUInt64(KmallocEntry(0, index)));
            }
        }
    }

    private void CreateKmallocRow(long type, string prefix, uint flags)
    {
        if (_memory.ReadUInt64(KmallocEntry(type, 1)) != 0)
            return; // a type that this kernel does not tell from the normal one
        foreach (var index in Enumerable.Range(1, KmallocCaches.Count - 1).OrderBy(KmallocCaches.SizeOf)) // the order of /proc/slabinfo
        {
            var size = KmallocCaches.SizeOf(index);
            var align = System.Numerics.BitOperations.IsPow2(size) ? size : sizeof(ulong);
            var cache = NewCache(prefix + KmallocCaches.NameOf(index), size, align, flags | _flags.Kmalloc, 0, 0, size, null);
            _memory.WriteUInt64(KmallocEntry(type, index), cache);
        }
    }

    /// <summary>The place in kmalloc_caches[][] of a type and an index.</summary>
    private ulong KmallocEntry(long type, int index) => _kmallocCaches + ((ulong)((type * KmallocCaches.Count) + index) * 8);

    // kmalloc_type() (include/linux/slab.h)
    private long KmallocType(GfpFlags gfp) =>
        (gfp & (GfpFlags.Dma | GfpFlags.Reclaimable | GfpFlags.Account)) == 0 ? 0
        : (gfp & GfpFlags.Dma) != 0 ? _dmaType
        : (gfp & GfpFlags.Reclaimable) != 0 ? _reclaimableType
        : _accountedType;

    private ulong NewCache(
        string name, uint size, uint align, uint flags, ulong constructor, uint userOffset, uint userSize, CallFrame? frame, SlubGeometry? shown = null,
        bool isMerged = false)
    {
        var cacheOfCaches = CacheAt(_memory.ReadUInt64(_image.Symbol("kmem_cache")));
        var cache = AllocateObject(cacheOfCaches, (uint)_struct.TotalSize, GfpFlags.Zero, frame);
        if (cache == 0)
            return 0;
        if (WriteCache(cache, name, size, flags, constructor, userOffset, userSize, align, shown, isMerged))
            return cache;
        Free(cache);
        return 0;
    }

    private bool WriteCache(
        ulong cache, string name, uint size, uint flags, ulong constructor, uint userOffset, uint userSize = 0, uint align = 0,
        SlubGeometry? shown = null, bool isMerged = false)
    {
        align = CacheGeometry.CalculateAlignment((flags & _flags.CacheLineAligned) != 0, align, size);
        if (!CacheGeometry.TryCreate(size, align, out var geometry))
            return false;
        var text = Encoding.UTF8.GetBytes(name);
        var copy = _arena.AllocateString(text);
        if (copy == 0)
            return false;
        _struct.Write(cache, copy, geometry, shown ?? SlubGeometry.Of(size, align, hasPointerBehind: false, hasRedZone: false), flags, constructor, userOffset, userSize);
        CountNode(1);
        if (!isMerged)
            ListHead.AddAfter(_memory, _struct.ListNode(cache), _slabCaches);
        return true;
    }

    /// <summary>Told of a cache that cannot be: its name (a string of the guest's, or 0), why, and whether the kernel is to panic.</summary>
    internal Func<ulong, Errno, bool, GuestTask>? CacheFailed { get; set; }

    /// <summary>Makes calls in the name of the image's functions.</summary>
    internal CallChain? Chain { get; set; }

    /// <summary>kmem_cache_create_usercopy(): the checks, the struct, and sysfs.</summary>
    private async GuestTask<ulong> CreateCache(
        ulong name, uint size, uint align, uint flags, uint userOffset, uint userSize, ulong constructor, CallFrame frame, bool hasPointerInside = false)
    {
        if (!IsGoodRegion(size, userOffset, userSize))
            (userOffset, userSize) = (0, 0);
        ulong cache = 0, merged = 0;
        if (name != 0 && size <= MaximumKmalloc)
        {
            var pointerBehind = constructor != 0 || (flags & _flags.Poison) != 0 || ((flags & _flags.TypeSafeByRcu) != 0 && !hasPointerInside);
            var alignment = CacheGeometry.CalculateAlignment((flags & _flags.CacheLineAligned) != 0, align, size);
            var shown = SlubGeometry.Of(size, alignment, pointerBehind, (flags & _flags.RedZone) != 0);
            merged = constructor == 0 && userSize == 0 ? FindMergeable(shown.Size, alignment, flags) : 0;
            cache = NewCache(_memory.ReadString(name, 128), size, align, flags, constructor, userOffset, userSize, frame, shown, merged != 0);
        }

        if (cache == 0)
        {
            var isPossible = size <= MaximumKmalloc && CacheGeometry.TryCreate(size, CacheGeometry.CalculateAlignment(false, align, size), out _);
            if (CacheFailed is { } failed)
                await failed(name, isPossible ? Errno.ENOMEM : Errno.EINVAL, (flags & _flags.Panic) != 0);
            return 0;
        }

        await ShowInSysfs(cache, merged);
        return cache;
    }

    /// <summary>kmem_cache_destroy(): a cache that still has objects stays, with a warning, as on Linux.</summary>
    private async GuestTask DestroyCache(ulong cache, CallFrame frame)
    {
        if (cache == 0 || _struct.AddReferences(cache, -1) > 0)
            return;
        ReleaseQuarantineOf(cache);
        if (_struct.Active(cache) > 0)
        {
            var text = $"kmem_cache_destroy {_struct.Name(cache)}: Slab cache still has objects when called from"
                + $" {_errors.Symbolise(frame.ReturnAddress)}";
            _errors.Warn("kmem_cache_destroy", text, DescribeRemaining(cache));
            return;
        }

        RemoveEmptySlabs(cache);
        ListHead.Remove(_memory, _struct.ListNode(cache));
        if (!IsSysfsUp || !_struct.IsInSysfs(cache))
        {
            ReleaseCache(cache);
            return;
        }

        await _calls.Call(_image.Symbol("sysfs_slab_unlink"), cache);
        await _calls.Call(_image.Symbol("sysfs_slab_release"), cache); // ends in slab_kmem_cache_release()
    }

    /// <summary>The objects that keep a cache from going, as list_slab_objects() lists them (mm/slub.c).</summary>
    private List<string> DescribeRemaining(ulong cache)
    {
        const int mostListed = 32;
        var lines = new List<string>
        {
            "=============================================================================",
            $"BUG {_struct.Name(cache)}: Objects remaining in {_struct.Name(cache)} on __kmem_cache_shutdown()",
            "-----------------------------------------------------------------------------",
            "",
        };
        var now = _memory.ReadUInt64(_jiffies);
        foreach (var o in LiveObjects().Where(o => SlabOf(o.Address).Cache == cache).Take(mostListed))
        {
            lines.Add($"Object 0x{o.Address:x16} @offset={o.Address - SlabOf(o.Address).Base}");
            if (_tracks[o.Track] is { Frames: [var caller, ..] } track)
                lines.Add($"Allocated in {_errors.Symbolise(caller)} age={now - o.Jiffies} cpu=0 pid={track.Pid}");
        }

        return lines;
    }

    private void ReleaseCache(ulong cache)
    {
        var name = _struct.NameAddress(cache);
        _arena.FreeShared(name, (ulong)Encoding.UTF8.GetByteCount(_struct.Name(cache)) + 1);
        _caches.Remove(cache);
        CountNode(-1);
        Free(cache);
    }

    /// <summary>Each cache has a struct kmem_cache_node, from a cache of these on Linux. Here it lies behind the struct kmem_cache, and is counted there.</summary>
    private void CountNode(long change)
    {
        if (_memory.ReadUInt64(_nodeCaches) is var nodes and not 0)
            _struct.AddActive(nodes, change);
    }

    // slab_sysfs_init() sets FULL, and adds the caches made so far.
    private bool IsSysfsUp =>
        _slabStateFull is { } full && _memory.ReadInt32(_slabState) >= full;

    private static bool IsGoodRegion(uint size, uint offset, uint length) => length > 0 && length <= size && offset <= size - length;
}
