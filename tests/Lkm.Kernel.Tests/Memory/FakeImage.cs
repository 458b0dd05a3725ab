using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Tests.Memory;

/// <summary>
/// A kernel image that is not there: symbols at made-up addresses, and the layouts of Linux 6.1 that the allocators read. Every name
/// asked for exists, as function or variable, unless it is listed as missing.
/// </summary>
internal sealed class FakeImage : ISymbolTable, ITypeTable
{
    public const ulong Text = 0xffffffff81000000;
    public const ulong TextEnd = 0xffffffff82000000;
    private const ulong Data = 0xffffffff82100000;
    private const ulong End = 0xffffffff82400000;

    private static readonly HashSet<string> Missing =
    [
        "__alloc_pages_nodemask", "__alloc_frozen_pages_noprof", "kmem_buckets_cache", "pcpu_hot", "init_on_alloc", "single", "sysfs_slab_add",
    ];

    // Offsets as pahole shows them for Debian's 6.1 on amd64; the zone lists are those of a kernel for four nodes.
    private static readonly Dictionary<string, (ulong Size, Dictionary<string, ulong> Members)> Structs = new()
    {
        ["page"] = (64, new()
        {
            ["flags"] = 0,
            ["lru"] = 8,
            ["compound_head"] = 8,
            ["compound_dtor"] = 16,
            ["compound_order"] = 17,
            ["compound_mapcount"] = 20,
            ["compound_pincount"] = 24,
            ["compound_nr"] = 28,
            ["mapping"] = 24,
            ["index"] = 32,
            ["private"] = 40,
            ["_mapcount"] = 48,
            ["_refcount"] = 52,
        }),
        ["slab"] = (64, new() { ["slab_cache"] = 24, ["freelist"] = 32, ["counters"] = 40 }),
        ["zone"] = (1536, new()
        {
            ["_watermark"] = 0,
            ["watermark_boost"] = 24,
            ["lowmem_reserve"] = 48,
            ["zone_pgdat"] = 96,
            ["per_cpu_pageset"] = 104,
            ["per_cpu_zonestats"] = 112,
            ["pageset_batch"] = 124,
            ["zone_start_pfn"] = 128,
            ["managed_pages"] = 136,
            ["spanned_pages"] = 144,
            ["present_pages"] = 152,
            ["name"] = 168,
            ["initialized"] = 192,
            ["free_area"] = 256,
            ["vm_stat"] = 1344,
        }),
        ["pglist_data"] = (10240, new()
        {
            ["node_zones"] = 0,
            ["node_zonelists"] = 7680,
            ["nr_zones"] = 8704,
            ["node_present_pages"] = 8712,
            ["node_spanned_pages"] = 8720,
            ["per_cpu_nodestats"] = 8728,
            ["vm_stat"] = 8736,
        }),
        ["free_area"] = (88, []),
        ["zonelist"] = (21 * 16, []),
        ["zoneref"] = (16, new() { ["zone"] = 0, ["zone_idx"] = 8 }),
        ["mem_section"] = (32, new() { ["section_mem_map"] = 0, ["usage"] = 8 }),
        ["mem_section_usage"] = (24, new() { ["subsection_map"] = 16 }),
        ["kmem_cache"] = (8408, new()
        {
            ["flags"] = 8,
            ["size"] = 24,
            ["object_size"] = 28,
            ["reciprocal_size"] = 32,
            ["oo"] = 52,
            ["min"] = 56,
            ["refcount"] = 64,
            ["ctor"] = 72,
            ["inuse"] = 80,
            ["align"] = 84,
            ["red_left_pad"] = 88,
            ["name"] = 96,
            ["list"] = 104,
            ["kobj.name"] = 120,
            ["useroffset"] = 208,
            ["usersize"] = 212,
            ["node"] = 216,
        }),
        ["kmem_cache_node"] = (64, new() { ["partial"] = 16, ["nr_slabs"] = 32, ["total_objects"] = 40, ["full"] = 48 }),
        ["slabinfo"] = (64, new()
        {
            ["active_objs"] = 0,
            ["num_objs"] = 8,
            ["active_slabs"] = 16,
            ["num_slabs"] = 24,
            ["objects_per_slab"] = 52,
            ["cache_order"] = 56,
        }),
        ["kmem_obj_info"] = (304, new()
        {
            ["kp_ptr"] = 0,
            ["kp_slab"] = 8,
            ["kp_objp"] = 16,
            ["kp_slab_cache"] = 32,
            ["kp_ret"] = 40,
            ["kp_stack"] = 48,
            ["kp_free_stack"] = 176,
        }),
        ["vm_struct"] = (64, new()
        {
            ["addr"] = 8,
            ["size"] = 16,
            ["flags"] = 24,
            ["pages"] = 32,
            ["nr_pages"] = 44,
            ["phys_addr"] = 48,
            ["caller"] = 56,
        }),
        ["vmap_area"] = (64, new() { ["va_start"] = 0, ["va_end"] = 8, ["list"] = 40, ["vm"] = 56 }),
        ["task_struct"] = (9000, new()
        {
            ["thread_info.flags"] = 0,
            ["__state"] = 24,
            ["stack"] = 32,
            ["flags"] = 44,
            ["on_cpu"] = 52,
            ["prio"] = 56,
            ["nvcsw"] = 64,
            ["nivcsw"] = 72,
            ["mm"] = 80,
            ["active_mm"] = 88,
            ["pid"] = 96,
            ["tgid"] = 100,
            ["comm"] = 104,
            ["pending.signal"] = 128,
            ["thread.sp"] = 136,
        }),
    };

    private static readonly Dictionary<string, long> Enumerators = new()
    {
        ["PG_locked"] = 0,
        ["PG_slab"] = 9,
        ["PG_reserved"] = 12,
        ["PG_head"] = 16,
        ["ZONE_DMA"] = 0,
        ["ZONE_DMA32"] = 1,
        ["ZONE_NORMAL"] = 2,
        ["__MAX_NR_ZONES"] = 5,
        ["N_POSSIBLE"] = 0,
        ["N_ONLINE"] = 1,
        ["N_NORMAL_MEMORY"] = 2,
        ["N_MEMORY"] = 3,
        ["N_CPU"] = 4,
        ["NR_SLAB_RECLAIMABLE_B"] = 5,
        ["NR_SLAB_UNRECLAIMABLE_B"] = 6,
        ["KMALLOC_NORMAL"] = 0,
        ["KMALLOC_CGROUP"] = 1,
        ["KMALLOC_RECLAIM"] = 2,
        ["KMALLOC_DMA"] = 3,
        ["NR_KMALLOC_TYPES"] = 4,
        ["UP"] = 3,
        ["FULL"] = 4,
    };

    private readonly Dictionary<string, ulong> _symbols = new()
    {
        ["_stext"] = Text,
        ["_text"] = Text,
        ["_etext"] = TextEnd,
        ["_sinittext"] = End - 0x2000,
        ["_einittext"] = End - 0x1000,
        ["_sdata"] = Data,
        ["_end"] = End,
        ["__per_cpu_start"] = 0,
        ["__per_cpu_end"] = 0x8000,
        ["current_task"] = 0x100,
        ["__preempt_count"] = 0x108,
        ["cpu_current_top_of_stack"] = 0x110,
        ["boot_pageset"] = 0x200,
        ["boot_zonestats"] = 0x400,
        ["boot_nodestats"] = 0x500,
    };

    private ulong _nextSymbol = Data;

    public bool TryFind(string name, out ulong address)
    {
        if (Missing.Contains(name))
        {
            address = 0;
            return false;
        }

        if (!_symbols.TryGetValue(name, out address))
        {
            address = _symbols[name] = _nextSymbol;
            _nextSymbol += 1024;
        }

        return true;
    }

    public string? Describe(ulong address) =>
        address is >= Text and < TextEnd ? $"text+0x{address - Text:x}/0x1000000" : $"fn+0x{address & 0xfff:x}/0x40 [mod]";

    public ulong? SizeOf(string name) => Structs.TryGetValue(name, out var layout) ? layout.Size : null;

    public ulong? OffsetOf(string structure, string path) =>
        Structs.TryGetValue(structure, out var layout) && layout.Members.TryGetValue(path, out var offset) ? offset : null;

    public long? Enumerator(string name) => Enumerators.TryGetValue(name, out var value) ? value : null;
}
