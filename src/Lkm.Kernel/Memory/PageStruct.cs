using Lkm.Kernel.Boot;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// struct page as the page allocator leaves it to its users (mm/page_alloc.c, prep_new_page() and prep_compound_page()), and its marks
/// for slabs. Offsets and flag numbers come from the image: they moved between releases, from struct page to struct folio.
/// </summary>
internal sealed class PageStruct
{
    private readonly GuestMemory _memory;
    private readonly ulong _size, _flags, _refcount, _mapcount, _lru, _private, _mapping, _compoundHead;
    private readonly bool _compoundIsMask;
    private readonly ulong? _compoundOrder, _compoundDestructor, _compoundMapcount, _compoundPincount, _compoundCount;
    private readonly ulong? _folioFlags1, _folioLargeMapcount, _folioEntireMapcount, _folioPageCount, _folioMapcountIds, _folioDeferredList;
    private readonly ulong? _slabCache, _slabFreelist, _slabCounters;
    private readonly ulong _headFlag, _reservedFlag, _slabFlag;
    private readonly uint? _slabPageType;
    private readonly int _zoneShift, _zoneBits;

    /// <summary>Looks the members up.</summary>
    public PageStruct(GuestMemory memory, KernelImage image)
    {
        _memory = memory;
        var page = image.Struct("page");
        _size = page.Size;
        _flags = page["flags"];
        _refcount = page["_refcount"];
        _mapcount = page["_mapcount"];
        _lru = page["lru"];
        _private = page["private"];
        _mapping = page["mapping"];
        // 7.1 lets a tail page hold, where struct page's size allows, the mask that makes its head's address of its own.
        _compoundIsMask = page.Find("compound_info") is not null && image.Struct("zone").Find("vmemmap_tails") is not null;
        _compoundHead = page.Find("compound_info") ?? page["compound_head"];
        _compoundOrder = page.Find("compound_order");
        _compoundDestructor = page.Find("compound_dtor");
        _compoundMapcount = page.Find("compound_mapcount");
        _compoundPincount = page.Find("compound_pincount");
        _compoundCount = page.Find("compound_nr");
        if (_compoundOrder is null && image.FindStruct("folio") is { } folio)
        {
            _folioFlags1 = folio.Find("_flags_1");
            _folioLargeMapcount = folio.Find("_large_mapcount");
            _folioEntireMapcount = folio.Find("_entire_mapcount");
            _folioPageCount = folio.Find("_folio_nr_pages") ?? folio.Find("_nr_pages");
            _folioMapcountIds = folio.Find("_mm_id_mapcount");
            _folioDeferredList = folio.Find("_deferred_list");
        }

        var slab = image.FindStruct("slab") ?? page; // 5.17 split struct slab off
        _slabCache = slab.Find("slab_cache");
        _slabFreelist = slab.Find("freelist");
        _slabCounters = slab.Find("counters");
        _headFlag = 1UL << (int)Required(image, "PG_head");
        _reservedFlag = 1UL << (int)Required(image, "PG_reserved");
        var slabBit = image.Enumerator("PG_slab") ?? 0;
        if (image.Enumerator("PGTY_slab") is { } slabType)
            _slabPageType = (uint)slabType << 24; // 6.12: the type is the top byte of page_type
        else if (slabBit < 64)
            _slabFlag = 1UL << (int)slabBit;
        else
            _slabPageType = ~(uint)slabBit; // 6.10, 6.11: a type is a bit that is clear

        // include/linux/page-flags-layout.h with SPARSEMEM_VMEMMAP: node and zone at the top, no section. The number of nodes shows in
        // the length of a zone list: one entry for each zone of each node, and an end mark.
        var zones = (ulong)Required(image, "__MAX_NR_ZONES");
        Nodes = ((image.Struct("zonelist").Size / image.Struct("zoneref").Size) - 1) / zones;
        _zoneBits = Bits.Log2(zones - 1) + 1;
        _zoneShift = 64 - Bits.Log2(Nodes) - _zoneBits;
    }

    /// <summary>MAX_NUMNODES.</summary>
    public ulong Nodes { get; }

    /// <summary>The offset of the list node that free pages and pages on their way are linked by.</summary>
    public ulong Lru => _lru;

    /// <summary>Sets up the struct pages of a block that is given out: prep_new_page().</summary>
    /// <param name="address">The first page's address.</param>
    /// <param name="pages">The number of pages.</param>
    /// <param name="zone">The index of their zone.</param>
    /// <param name="references">The first page's count: 1, or 0 for a frozen block.</param>
    public void Prepare(ulong address, ulong pages, int zone, int references)
    {
        var page = AddressSpace.ToStructPage(address);
        var flags = (ulong)zone << _zoneShift;
        _memory.Clear(page, pages * _size);
        for (var end = page + (pages * _size); page < end; page += _size)
        {
            _memory.WriteUInt64(page + _flags, flags);
            _memory.WriteInt32(page + _mapcount, -1);
        }

        _memory.WriteInt32(AddressSpace.ToStructPage(address) + _refcount, references);
    }

    /// <summary>Gives every page of a range a count of its own, as vmalloc's pages have.</summary>
    public void PrepareSeparate(ulong address, ulong pages, int zone)
    {
        Prepare(address, pages, zone, 1);
        var page = AddressSpace.ToStructPage(address);
        for (ulong i = 1; i < pages; i++)
            _memory.WriteInt32(page + (i * _size) + _refcount, 1);
    }

    /// <summary>Marks pages as the kernel's own, never to be freed: those of the image.</summary>
    public void PrepareReserved(ulong address, ulong pages, int zone)
    {
        PrepareSeparate(address, pages, zone);
        var page = AddressSpace.ToStructPage(address);
        for (ulong i = 0; i < pages; i++, page += _size)
            _memory.WriteUInt64(page + _flags, _memory.ReadUInt64(page + _flags) | _reservedFlag);
    }

    /// <summary>Makes a prepared block of at least two pages one compound page: prep_compound_page().</summary>
    public void PrepareCompound(ulong address, int order)
    {
        const ulong tailMapping = 0xdead000000000400; // TAIL_MAPPING
        var head = AddressSpace.ToStructPage(address);
        _memory.WriteUInt64(head + _flags, _memory.ReadUInt64(head + _flags) | _headFlag);
        var link = (_compoundIsMask ? ~((_size << order) - 1) : head) | 1;
        for (ulong i = 1; i < 1UL << order; i++)
        {
            var tail = head + (i * _size);
            _memory.WriteUInt64(tail + _mapping, tailMapping);
            _memory.WriteUInt64(tail + _compoundHead, link);
        }

        var first = head + _size; // the order and the counts lie in the first tail page
        if (_compoundOrder is { } orderOffset)
        {
            const byte compoundPageDestructor = 1; // COMPOUND_PAGE_DTOR
            _memory.WriteByte(first + orderOffset, (byte)order);
            WriteByte(first, _compoundDestructor, compoundPageDestructor);
            WriteInt32(first, _compoundMapcount, -1);
            WriteInt32(first, _compoundPincount, 0);
            WriteInt32(first, _compoundCount, 1 << order);
        }
        else if (_folioFlags1 is { } flags1)
        {
            _memory.WriteUInt64(head + flags1, (_memory.ReadUInt64(head + flags1) & ~0xffUL) | (uint)order);
            WriteInt32(head, _folioLargeMapcount, -1);
            WriteInt32(head, _folioEntireMapcount, -1);
            WriteInt32(head, _folioPageCount, 1 << order);
            WriteInt32(head, _folioMapcountIds, -1); // _mm_id_mapcount[2], shorts
            if (order > 1 && _folioDeferredList is { } deferred)
                ListHead.Initialize(_memory, head + deferred);
        }
    }

    /// <summary>Marks a prepared block as a slab of a cache.</summary>
    public void SetSlab(ulong address, ulong cache, int objects)
    {
        var page = AddressSpace.ToStructPage(address);
        if (_slabPageType is { } type)
            _memory.WriteUInt32(page + _mapcount, type);
        else
            _memory.WriteUInt64(page + _flags, _memory.ReadUInt64(page + _flags) | _slabFlag);
        if (_slabCache is { } cacheOffset)
            _memory.WriteUInt64(page + cacheOffset, cache);
        if (_slabFreelist is { } freelist)
            _memory.WriteUInt64(page + freelist, 0);
        if (_slabCounters is { } counters)
            _memory.WriteUInt64(page + counters, (ulong)(uint)objects << 16);
    }

    /// <summary>page_zonenum(): the index of a page's zone.</summary>
    public int Zone(ulong page) => (int)(_memory.ReadUInt64(page + _flags) >> _zoneShift) & ((1 << _zoneBits) - 1);

    /// <summary>compound_head(): the first page of a compound page; other pages themselves.</summary>
    public ulong Head(ulong page) =>
        _memory.ReadUInt64(page + _compoundHead) is var link && (link & 1) == 0 ? page : _compoundIsMask ? page & link : link - 1;

    /// <summary>compound_order(): the order of a compound page, 0 for other pages.</summary>
    public int Order(ulong page)
    {
        if ((_memory.ReadUInt64(page + _flags) & _headFlag) == 0)
            return 0;
        return _memory.ReadByte(_compoundOrder is { } order ? page + _size + order : page + (_folioFlags1 ?? _size));
    }

    /// <summary>_refcount.</summary>
    public int References(ulong page) => _memory.ReadInt32(page + _refcount);

    /// <summary>Sets _refcount.</summary>
    public void SetReferences(ulong page, int count) => _memory.WriteInt32(page + _refcount, count);

    /// <summary>private, where the order of a free block is kept.</summary>
    public ulong Private(ulong page) => _memory.ReadUInt64(page + _private);

    /// <summary>Sets private.</summary>
    public void SetPrivate(ulong page, ulong value) => _memory.WriteUInt64(page + _private, value);

    private static long Required(KernelImage image, string enumerator) =>
        image.Enumerator(enumerator) ?? throw new KernelMismatchException($"this kernel has no enumerator {enumerator}");

    private void WriteByte(ulong page, ulong? offset, byte value)
    {
        if (offset is { } at)
            _memory.WriteByte(page + at, value);
    }

    private void WriteInt32(ulong page, ulong? offset, int value)
    {
        if (offset is { } at)
            _memory.WriteInt32(page + at, value);
    }
}
