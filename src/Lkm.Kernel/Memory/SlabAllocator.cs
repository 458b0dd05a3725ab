using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// The slab allocator (mm/slub.c, mm/slab_common.c): kmalloc and the kmem_cache family. Caches are real struct kmem_cache on Linux's
/// list; objects lie apart, and the shadow allows exactly the bytes that were asked for.
/// </summary>
/// <remarks>
/// Freed objects are poisoned and wait in a queue before their place is used again, so that uses after free and double frees are found.
/// All state lies in guest memory: see <see cref="SlabRecord"/>.
/// </remarks>
public sealed partial class SlabAllocator : IObjectFinder
{
    private const ulong QuarantineFirst = MetadataLayout.SlabState;
    private const ulong QuarantineLast = MetadataLayout.SlabState + 8;
    private const ulong QuarantineBytes = MetadataLayout.SlabState + 16;
    private const ulong SequenceAt = MetadataLayout.SlabState + 24;
    private const ulong QuarantineLimit = 2UL << 20;
    private const ulong MostEmptySlabs = 5; // MIN_PARTIAL
    private const ulong ZeroSizePointer = 16;

    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly GuestCalls _calls;
    private readonly PageAllocator _pages;
    private readonly MetadataArena _arena;
    private readonly AllocationTracks _tracks;
    private readonly MemoryErrors _errors;
    private readonly KmemCacheStruct _struct;
    private readonly SlabFlags _flags;
    private readonly Dictionary<ulong, SlabCache> _caches = [];
    private readonly ulong _jiffies, _slabCaches, _kmallocCaches, _nodeCaches;
    private readonly ulong _slabState;
    private readonly long? _slabStateFull;
    private readonly long _dmaType, _reclaimableType, _accountedType;
    private readonly bool _hasBuckets, _bulkTellsOnlySuccess;
    private readonly (ulong Global, ulong OfNode) _reclaimable, _unreclaimable;

    /// <summary>Creates the allocator; <see cref="CreateBootCaches"/> makes it usable.</summary>
    public SlabAllocator(
        GuestMemory memory, KernelImage image, GuestCalls calls, PageAllocator pages, AllocationTracks tracks, MemoryErrors errors)
    {
        _memory = memory;
        _image = image;
        _calls = calls;
        _pages = pages;
        _arena = new MetadataArena(memory);
        _tracks = tracks;
        tracks.Renumber = RenumberTracks;
        _errors = errors;
        _struct = new KmemCacheStruct(memory, image);
        _flags = new SlabFlags(image);
        _jiffies = image.Symbol("jiffies");
        _slabCaches = image.Symbol("slab_caches");
        _slabState = image.Symbol("slab_state");
        _slabStateFull = image.TrySymbol("sysfs_slab_add", out _) ? image.Enumerator("FULL") : null;
        _kmallocCaches = image.Symbol("kmalloc_caches");
        _nodeCaches = image.Symbol("kmem_cache_node");
        _dmaType = image.Enumerator("KMALLOC_DMA") ?? 0;
        _reclaimableType = image.Enumerator("KMALLOC_RECLAIM") ?? 0;
        _accountedType = image.Enumerator("KMALLOC_CGROUP") ?? 0;
        _bulkTellsOnlySuccess = image.Enumerator("KMALLOC_PARTITION_START") is not null;
        _hasBuckets = image.TrySymbol("kmem_buckets_cache", out _);
        _reclaimable = StatisticOf("NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE");
        _unreclaimable = StatisticOf("NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE");
        errors.Add(this);
    }

    /// <summary>Asked before each allocation whether it shall fail.</summary>
    public Func<AllocationRequest, bool>? FailAllocation { get; set; }

    /// <summary>The number of the last allocation: a mark to compare later ones with.</summary>
    public ulong Sequence => _memory.ReadUInt64(SequenceAt);

    /// <summary>Allocates as kmalloc() does, for the kernel core itself.</summary>
    /// <returns>The address, or 0.</returns>
    public ulong Allocate(ulong size, GfpFlags gfp = GfpFlags.Zero) => Kmalloc(size, gfp, null);

    /// <summary>Frees what <see cref="Allocate"/>, or guest code with kmalloc(), allocated.</summary>
    public void Free(ulong address) => FreeObject(address, expectedCache: 0, null);

    /// <summary>
    /// Makes all places that wait available again, and gives pages without objects back: before a snapshot, or when memory is short.
    /// </summary>
    public void DrainQuarantine()
    {
        while (_memory.ReadUInt64(QuarantineFirst) != 0)
            ReleaseOldest();
    }

    internal ulong Kmalloc(ulong size, GfpFlags gfp, CallFrame? frame)
    {
        if (size == 0)
            return ZeroSizePointer;
        return KmallocCaches.IndexOf(size) is { } index
            ? AllocateObject(CacheAt(_memory.ReadUInt64(KmallocEntry(KmallocType(gfp), index))), (uint)size, gfp, frame)
            : AllocateLarge(size, gfp, frame);
    }

    /// <summary>Allocates from a cache without a constructor.</summary>
    private ulong AllocateObject(SlabCache cache, uint requested, GfpFlags gfp, CallFrame? frame)
    {
        if (!TryTake(cache, requested, gfp, frame, out var address, out _))
            return 0;
        return address;
    }

    /// <summary>Allocates from any cache; the constructor is guest code.</summary>
    private GuestTask<ulong> AllocateFrom(ulong cacheAddress, uint gfp, CallFrame frame)
    {
        var cache = CacheAt(cacheAddress);
        _lacksPages = false;
        if (!TryTake(cache, cache.Geometry.ObjectSize, (GfpFlags)gfp, frame, out var address, out var record))
            return _lacksPages && Reclaim is not null ? AllocateFromReclaimed(cache, (GfpFlags)gfp, frame) : Done(0);
        return cache.Constructor == 0 || record.IsConstructed ? Done(address) : Construct(cache, address, record);
    }

    private async GuestTask<ulong> Construct(SlabCache cache, ulong address, ObjectRecord record)
    {
        record.IsConstructed = true;
        await _calls.Call(cache.Constructor, address);
        return address;
    }

    private bool TryTake(SlabCache cache, uint requested, GfpFlags gfp, CallFrame? frame, out ulong address, out ObjectRecord record)
    {
        address = 0;
        record = default;
        if (ShallFail(requested, gfp, frame))
            return false;
        if (ListHead.IsEmpty(_memory, _struct.Partial(cache.Address)) && !AddSlab(cache, gfp, frame))
            return false;
        var slab = new SlabRecord(_memory, ListHead.Next(_memory, _struct.Partial(cache.Address)) - (new SlabRecord(_memory, 0).Node));
        var index = slab.FirstFree - 1;
        record = slab[index];
        slab.FirstFree = (int)record.Next;
        if (slab.FirstFree == 0)
            ListHead.Remove(_memory, slab.Node);
        if (slab.InUse++ == 0)
            _struct.AddEmpty(cache.Address, -1);
        _struct.AddActive(cache.Address, 1);
        address = slab.ObjectAddress(index);
        if (ShallZero(cache, gfp))
            _memory.Clear(address, cache.Geometry.ObjectSize);
        GiveOut(record, address, requested, frame);
        return true;
    }

    private void GiveOut(ObjectRecord record, ulong address, uint requested, CallFrame? frame)
    {
        var sequence = _memory.ReadUInt64(SequenceAt) + 1;
        _memory.WriteUInt64(SequenceAt, sequence);
        record.State = ObjectState.Allocated;
        record.Requested = requested;
        record.AllocationTrack = _tracks.Capture(frame);
        record.FreeTrack = 0;
        record.Jiffies = _memory.ReadUInt64(_jiffies);
        record.Sequence = sequence;
        _memory.Allow(address, requested);
    }

    // slab_want_init_on_alloc() (mm/slab.h)
    private bool ShallZero(SlabCache cache, GfpFlags gfp) =>
        (gfp & GfpFlags.Zero) != 0 || (_pages.InitialiseOnAllocation && cache.Constructor == 0 && !cache.IsTypeSafeByRcu);

    private bool ShallFail(ulong size, GfpFlags gfp, CallFrame? frame) =>
        FailAllocation is { } fail && frame is not null && (gfp & GfpFlags.NoFail) == 0
        && fail(new AllocationRequest(AllocatorKind.Slab, size, gfp, frame.ReturnAddress));

    private bool AddSlab(SlabCache cache, GfpFlags gfp, CallFrame? frame)
    {
        var geometry = IsMemoryShort ? cache.Geometry.Dense : cache.Geometry;
        var order = geometry.Order;
        var pageGfp = ((gfp | cache.Gfp) & ~GfpFlags.Zero) | (order > 0 ? GfpFlags.Compound : GfpFlags.None);
        var address = AllocatePages(pageGfp, ref order, geometry.LeastOrder);
        _lacksPages = address == 0;
        if (_lacksPages)
            return false;
        var objects = geometry.Fit(order);
        var slab = NewRecord(address, order, objects);
        if (!slab.Exists)
        {
            _pages.Free(address, order, 0);
            return false;
        }

        slab.Cache = cache.Address;
        slab.Stride = geometry.Stride;
        slab.Lead = geometry.Lead;
        for (var i = 0; i < objects; i++)
        {
            var record = slab[i];
            record.Next = i + 1 < objects ? (ulong)i + 2 : 0;
            record.Slab = slab.Address;
        }

        slab.FirstFree = 1;
        _pages.Pages.SetSlab(address, cache.Address, objects);
        _memory.SetAccess(address, AddressSpace.PageSize << order, Shadow.Redzone);
        ListHead.AddAfter(_memory, slab.Node, _struct.Partial(cache.Address));
        _struct.AddSlabs(cache.Address, 1, objects);
        _struct.AddEmpty(cache.Address, 1);
        CountPages(cache.IsReclaimable, 1L << order);
        return true;
    }

    /// <summary>
    /// Whether red zones would take memory that is going to be missed: a module that fills memory gets about as many objects as on Linux, one that does not
    /// has each of its errors found.
    /// </summary>
    private bool IsMemoryShort => _pages.FreePageCount < _pages.RamSize / AddressSpace.PageSize / 2;

    /// <summary>Allocates a block of the order that is best, or of the least that will do.</summary>
    private ulong AllocatePages(GfpFlags gfp, ref int order, int least)
    {
        const ulong core = 0; // it is the object that is asked for from outside
        var address = _pages.Allocate(gfp, order, core);
        if (address == 0 && _memory.ReadUInt64(QuarantineFirst) != 0)
        {
            DrainQuarantine();
            address = _pages.Allocate(gfp, order, core);
        }

        if (address == 0 && order > least)
            address = _pages.Allocate(gfp, order = least, core);
        return address;
    }

    private SlabRecord NewRecord(ulong address, int order, int objects)
    {
        var record = _arena.Allocate(SlabRecord.Size + ((ulong)objects * ObjectRecord.Size));
        if (record == 0)
            return default;
        SetOwner(address, order, record);
        return new SlabRecord(_memory, record) { Base = address, Order = order, Objects = objects };
    }

    private void SetOwner(ulong address, int order, ulong record)
    {
        for (ulong i = 0; i < 1UL << order; i++)
            _memory.WriteUInt64(MetadataLayout.OwnerOf(address + (i << AddressSpace.PageShift)), record);
    }

    private SlabRecord SlabOf(ulong address) =>
        address >= AddressSpace.PageOffset && address < AddressSpace.PageOffset + _pages.RamSize
            ? new SlabRecord(_memory, _memory.ReadUInt64(MetadataLayout.OwnerOf(address)))
            : new SlabRecord(_memory, 0);

    private SlabCache CacheAt(ulong address)
    {
        if (_caches.TryGetValue(address, out var cache))
            return cache;
        if (!CacheGeometry.TryCreate(_struct.ObjectSize(address), _struct.Align(address), out var geometry))
            throw new InvalidOperationException($"{address:x16} is no struct kmem_cache");
        var flags = _struct.Flags(address);
        var gfp = (flags & _flags.Dma) != 0 ? GfpFlags.Dma : (flags & _flags.Dma32) != 0 ? GfpFlags.Dma32 : GfpFlags.None;
        return _caches[address] = new SlabCache(address, _struct.Name(address), geometry, gfp, _struct.Constructor(address),
            (flags & _flags.Kmalloc) != 0, (flags & _flags.TypeSafeByRcu) != 0, (flags & _flags.Reclaimable) != 0);
    }

    // NR_SLAB_*: kept in pages although their names speak of bytes (vmstat_item_in_bytes()).
    private void CountPages(bool isReclaimable, long pages)
    {
        var (global, ofNode) = isReclaimable ? _reclaimable : _unreclaimable;
        if (global == 0)
            return;
        _memory.WriteInt64(global, _memory.ReadInt64(global) + pages);
        ofNode += _pages.Node.Address;
        _memory.WriteInt64(ofNode, _memory.ReadInt64(ofNode) + pages);
    }

    private (ulong Global, ulong OfNode) StatisticOf(string name, string olderName) =>
        (_image.Enumerator(name) ?? _image.Enumerator(olderName)) is { } item && _image.TrySymbol("vm_node_stat", out var global)
            ? (global + ((ulong)item * 8), _image.Struct("pglist_data")["vm_stat"] + ((ulong)item * 8))
            : (0, 0);

    private static GuestTask<ulong> Done(ulong value) => GuestTask<ulong>.FromResult(value);
}
