using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// The one NUMA node and its zones, as free_area_init(), sparse_init() and build_all_zonelists() leave them (mm/page_alloc.c,
/// mm/sparse.c): the description of memory that borrowed code reads. What the boot takes before there is an allocator is cut off
/// the lowest pages.
/// </summary>
internal sealed class MemoryNode
{
    /// <summary>The highest order of a block that the page allocator hands out.</summary>
    public const int MaximumOrder = 10;

    /// <summary>The migrate type that all blocks have (MIGRATE_MOVABLE).</summary>
    public const int MigrateType = 1;

    private const ulong EarlyStart = AddressSpace.PageOffset + (64UL << 10);
    private const ulong EarlyEnd = AddressSpace.PageOffset + (PhysicalMemory.LowEnd & ~(AddressSpace.PageSize - 1));
    private const ulong DmaStart = 1UL << 20;
    private const ulong DmaEnd = 16UL << 20;
    private const int SectionShift = 27; // SECTION_SIZE_BITS

    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly PageStruct _pages;
    private readonly StructLayout _zone, _node;
    private readonly ulong _firstFree, _watermark, _reserve;
    private readonly ulong? _watermarkBoost;
    private ulong _early = EarlyStart;

    /// <summary>Creates the description; it is written by <see cref="Initialize"/>, or was, when the memory comes from a snapshot.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel image.</param>
    /// <param name="pages">The layout of struct page.</param>
    /// <param name="ramSize">Bytes of RAM, from the start of the window.</param>
    /// <param name="firstFree">The address below which, down to 16 MiB, the boot has put things of its own.</param>
    public MemoryNode(GuestMemory memory, KernelImage image, PageStruct pages, ulong ramSize, ulong firstFree)
    {
        _memory = memory;
        _image = image;
        _pages = pages;
        _zone = image.Struct("zone");
        (_watermark, _watermarkBoost, _reserve) = (_zone["_watermark"], _zone.Find("watermark_boost"), _zone["lowmem_reserve"]);
        _node = image.Struct("pglist_data");
        _firstFree = firstFree;
        RamSize = ramSize;
        FreeAreaSize = image.Struct("free_area").Size;
        GlobalFreeCount = image.Symbol("vm_zone_stat"); // NR_FREE_PAGES is the first
        Address = memory.ReadUInt64(image.Symbol("node_data"));
        if (Address != 0)
            Zones = FindZones();
    }

    /// <summary>Bytes of RAM.</summary>
    public ulong RamSize { get; }

    /// <summary>The address of the struct pglist_data.</summary>
    public ulong Address { get; private set; }

    /// <summary>The address of a watermark of a zone: min, low, high.</summary>
    public ulong WatermarkOf(Zone zone, int mark) => zone.Address + _watermark + ((ulong)mark * sizeof(ulong));

    /// <summary>By how much the watermarks of a zone are raised for a while.</summary>
    public ulong WatermarkBoost(Zone zone) => _watermarkBoost is { } boost ? _memory.ReadUInt64(zone.Address + boost) : 0;

    /// <summary>The pages of a zone that are kept from those who could use a higher one as well (lowmem_reserve).</summary>
    public ulong Reserve(Zone zone, int highestZone) => _memory.ReadUInt64(zone.Address + _reserve + ((ulong)highestZone * sizeof(ulong)));

    /// <summary>The zones that have memory, lowest first.</summary>
    public Zone[] Zones { get; private set; } = [];

    /// <summary>The address of the sum of all zones' free pages.</summary>
    public ulong GlobalFreeCount { get; }

    /// <summary>sizeof(struct free_area).</summary>
    public ulong FreeAreaSize { get; }

    /// <summary>The zone that pages outside of RAM are said to be of: those of vmalloc space and of the image.</summary>
    public int OutsideZone { get; private set; }

    /// <summary>Writes node, zones, sections and zone lists. The zones have no free pages yet.</summary>
    public void Initialize()
    {
        WriteSections();
        Address = TakeEarly(_node.Size);
        _memory.WriteUInt64(_image.Symbol("node_data"), Address);
        Zones = FindZones();
        foreach (var zone in Zones)
            WriteFreeLists(zone);
        WriteZones();
        WriteNode();
        WriteZoneLists();
        WriteNodeStates();
        ReservePages();
    }

    /// <summary>The parts of the node that borrowed code sets up for free_area_init_node().</summary>
    public async GuestTask Complete(GuestCalls calls)
    {
        foreach (var name in (string[])["pgdat_init_internals", "lru_gen_init_pgdat"])
        {
            if (_image.TrySymbol(name, out var initialize))
                await calls.Call(initialize, Address);
        }
    }

    /// <summary>Changes the count of free pages of a zone, and with it that of all.</summary>
    public void AddFree(Zone zone, long pages)
    {
        _memory.WriteInt64(zone.FreeCount, _memory.ReadInt64(zone.FreeCount) + pages);
        _memory.WriteInt64(GlobalFreeCount, _memory.ReadInt64(GlobalFreeCount) + pages);
    }

    private ulong TakeEarly(ulong size)
    {
        var address = _early;
        _early += AddressSpace.PageAlign(size);
        if (_early > EarlyEnd)
            throw new KernelMismatchException(
                $"struct pglist_data of this kernel takes {size} bytes, more than there is before the allocator runs");
        _memory.Allow(address, size);
        return address;
    }

    private Zone[] FindZones()
    {
        var dma = (int?)_image.Enumerator("ZONE_DMA");
        var dma32 = (int?)_image.Enumerator("ZONE_DMA32");
        OutsideZone = (int)(_image.Enumerator("ZONE_NORMAL") ?? 0);
        var zones = new List<Zone>(2);
        if (dma is { } low)
            zones.Add(NewZone(low, DmaStart, Math.Min(DmaEnd, RamSize)));
        zones.Add(NewZone(dma32 ?? OutsideZone, AddressSpace.ToPhysical(_firstFree), RamSize));
        return [.. zones];
    }

    private Zone NewZone(int index, ulong start, ulong end)
    {
        var address = Address + _node["node_zones"] + ((ulong)index * _zone.Size);
        return new Zone(index, address, address + _zone["free_area"], address + _zone["vm_stat"],
            start >> AddressSpace.PageShift, end >> AddressSpace.PageShift);
    }

    private void WriteFreeLists(Zone zone)
    {
        var types = (FreeAreaSize - sizeof(ulong)) / 16;
        for (ulong order = 0; order <= MaximumOrder; order++)
        {
            for (ulong type = 0; type < types; type++)
                ListHead.Initialize(_memory, zone.FreeAreas + (order * FreeAreaSize) + (type * 16));
        }
    }

    private void WriteZones()
    {
        var count = (ulong)(_image.Enumerator("__MAX_NR_ZONES") ?? 0);
        _image.TrySymbol("zone_names", out var names);
        for (ulong i = 0; i < count; i++)
        {
            var zone = Address + _node["node_zones"] + (i * _zone.Size);
            _memory.WriteUInt64(zone + _zone["zone_pgdat"], Address);
            if (names != 0)
                _memory.WriteUInt64(zone + _zone["name"], _memory.ReadUInt64(names + (i * 8)));
            WriteBootPageset(zone);
        }

        foreach (var zone in Zones)
        {
            // The span reaches down to the first frame, as what the boot took belongs to the zone as well.
            var start = zone == Zones[0] ? 1 : Zones[0].EndFrame;
            var managed = zone.EndFrame - zone.FirstFrame;
            _memory.WriteUInt64(zone.Address + _zone["zone_start_pfn"], start);
            _memory.WriteUInt64(zone.Address + _zone["spanned_pages"], zone.EndFrame - start);
            _memory.WriteUInt64(zone.Address + _zone["present_pages"], zone.EndFrame - start);
            _memory.WriteUInt64(zone.Address + _zone["managed_pages"], managed);
            if (_zone.Find("initialized") is { } initialized)
                _memory.WriteInt32(zone.Address + initialized, 1);
        }
    }

    // zone_pcp_init(): the static per-CPU sets, until setup_per_cpu_pageset() allocates the real ones. They stay empty: the core has
    // no per-CPU lists of pages.
    private void WriteBootPageset(ulong zone)
    {
        if ((_zone.Find("per_cpu_pageset") ?? _zone.Find("pageset")) is { } pageset && _image.TrySymbol("boot_pageset", out var boot))
            _memory.WriteUInt64(zone + pageset, boot);
        if (_zone.Find("per_cpu_zonestats") is { } stats && _image.TrySymbol("boot_zonestats", out var bootStats))
            _memory.WriteUInt64(zone + stats, bootStats);
        if (_zone.Find("pageset_batch") is { } batch)
            _memory.WriteInt32(zone + batch, 1);
    }

    private void WriteNode()
    {
        _memory.WriteInt32(Address + _node["nr_zones"], Zones[^1].Index + 1);
        _memory.WriteUInt64(Address + _node["node_present_pages"], RamSize >> AddressSpace.PageShift);
        _memory.WriteUInt64(Address + _node["node_spanned_pages"], RamSize >> AddressSpace.PageShift);
        if (_image.TrySymbol("boot_nodestats", out var stats))
            _memory.WriteUInt64(Address + _node["per_cpu_nodestats"], stats);

        ulong managed = 0;
        foreach (var zone in Zones)
            managed += zone.EndFrame - zone.FirstFrame;
        _memory.WriteUInt64(_image.Symbol("_totalram_pages"), managed);
        WriteIfPresent("nr_kernel_pages", managed);
        WriteIfPresent("nr_all_pages", managed);
        // Pages that a user may map are any of the window's: vmalloc memory as well as RAM.
        WriteIfPresent("highest_memmap_pfn", (GuestMemory.WindowSize >> AddressSpace.PageShift) - 1);
    }

    private void WriteZoneLists()
    {
        var zonelist = _image.Struct("zonelist").Size;
        var zoneref = _image.Struct("zoneref");
        var lists = Address + _node["node_zonelists"];
        for (var list = lists; list < lists + (2 * zonelist); list += zonelist)
        {
            var entry = list;
            for (var i = Zones.Length - 1; i >= 0; i--, entry += zoneref.Size)
            {
                _memory.WriteUInt64(entry + zoneref["zone"], Zones[i].Address);
                _memory.WriteInt32(entry + zoneref["zone_idx"], Zones[i].Index);
            }
        }
    }

    private void WriteNodeStates()
    {
        var states = _image.Symbol("node_states");
        var mask = Math.Max(_pages.Nodes / 8, sizeof(ulong)); // sizeof(nodemask_t)
        foreach (var name in (string[])["N_POSSIBLE", "N_ONLINE", "N_NORMAL_MEMORY", "N_MEMORY", "N_CPU"])
        {
            if (_image.Enumerator(name) is not { } state)
                continue;
            _memory.Clear(states + ((ulong)state * mask), mask);
            _memory.WriteUInt64(states + ((ulong)state * mask), 1);
        }

        if (_image.TrySymbol("nr_node_ids", out var ids))
            _memory.WriteInt32(ids, 1);
        if (_image.TrySymbol("nr_online_nodes", out var online))
            _memory.WriteInt32(online, 1);
    }

    // The whole window is present: vmalloc space, modules and the image have struct pages as RAM has.
    private void WriteSections()
    {
        var section = _image.Struct("mem_section");
        var usageLayout = _image.Struct("mem_section_usage");
        var usage = usageLayout.Size;
        const ulong flags = 0xf; // present, has a memory map, online, early
        const ulong blocks = (1UL << SectionShift) >> (MaximumOrder - 1 + AddressSpace.PageShift);
        const ulong physicalSections = 1UL << (46 - SectionShift); // MAX_PHYSMEM_BITS, without five-level paging
        const ulong sections = GuestMemory.WindowSize >> SectionShift;
        var perRoot = AddressSpace.PageSize / section.Size;
        var roots = TakeEarly(physicalSections / perRoot * sizeof(ulong));
        _memory.WriteUInt64(_image.Symbol("mem_section"), roots);
        var usageSize = (usage + (blocks / 2) + 7) & ~7UL;
        var usages = TakeEarly(sections * usageSize);
        for (ulong i = 0; i < sections; i++)
        {
            var root = roots + (i / perRoot * sizeof(ulong));
            if (_memory.ReadUInt64(root) == 0)
                _memory.WriteUInt64(root, TakeEarly(AddressSpace.PageSize));
            var entry = _memory.ReadUInt64(root) + (i % perRoot * section.Size);
            var itsUsage = usages + (i * usageSize);
            _memory.WriteUInt64(entry + section["section_mem_map"], AddressSpace.Vmemmap | flags);
            _memory.WriteUInt64(entry + section["usage"], itsUsage);
            var subsections = usageLayout["subsection_map"];
            _memory.Span(itsUsage + subsections, (int)(usage - subsections)).Fill(0xff); // all present
            _memory.Span(itsUsage + usage, (int)(blocks / 2)).Fill(MigrateType | (MigrateType << 4));
        }

        if (_image.TrySymbol("__highest_present_section_nr", out var highest))
            _memory.WriteUInt64(highest, sections - 1);
    }

    private void ReservePages()
    {
        _pages.PrepareReserved(AddressSpace.PageOffset, DmaStart >> AddressSpace.PageShift, Zones[0].Index);
        var bootStart = AddressSpace.ToVirtual(DmaEnd);
        _pages.PrepareReserved(bootStart, (_firstFree - bootStart) >> AddressSpace.PageShift, Zones[^1].Index);
        var text = _image.Symbol("_text");
        _pages.PrepareReserved(text, AddressSpace.PageAlign(_image.Symbol("_end") - text) >> AddressSpace.PageShift, OutsideZone);
    }

    private void WriteIfPresent(string symbol, ulong value)
    {
        if (_image.TrySymbol(symbol, out var address))
            _memory.WriteUInt64(address, value);
    }
}
