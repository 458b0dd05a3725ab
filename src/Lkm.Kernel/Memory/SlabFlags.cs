using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <summary>
/// The cache flags that the core acts on (include/linux/slab.h). 6.9 renumbered them into an enum, whose values the image has.
/// </summary>
internal sealed class SlabFlags(KernelImage image)
{
    /// <summary>SLAB_HWCACHE_ALIGN: aligned to cache lines.</summary>
    public uint CacheLineAligned { get; } = Value(image, "_SLAB_HWCACHE_ALIGN", 0x2000);

    /// <summary>SLAB_CACHE_DMA: from below 16 MiB.</summary>
    public uint Dma { get; } = Value(image, "_SLAB_CACHE_DMA", 0x4000);

    /// <summary>SLAB_CACHE_DMA32: from below 4 GiB.</summary>
    public uint Dma32 { get; } = Value(image, "_SLAB_CACHE_DMA32", 0x8000);

    /// <summary>SLAB_KMALLOC: one of kmalloc's.</summary>
    public uint Kmalloc { get; } = Value(image, "_SLAB_KMALLOC", 0x1000);

    /// <summary>SLAB_PANIC: the cache must be.</summary>
    public uint Panic { get; } = Value(image, "_SLAB_PANIC", 0x40000);

    /// <summary>SLAB_RECLAIM_ACCOUNT: its objects can be reclaimed.</summary>
    public uint Reclaimable { get; } = Value(image, "_SLAB_RECLAIM_ACCOUNT", 0x20000);

    /// <summary>SLAB_TYPESAFE_BY_RCU: freed objects stay readable until a grace period has passed.</summary>
    public uint TypeSafeByRcu { get; } = Value(image, "_SLAB_TYPESAFE_BY_RCU", 0x80000);

    /// <summary>SLAB_ACCOUNT: charged to control groups.</summary>
    public uint Account { get; } = Value(image, "_SLAB_ACCOUNT", 0x4000000);

    /// <summary>SLAB_RED_ZONE: bytes around each object tell when it is overrun.</summary>
    public uint RedZone { get; } = Value(image, "_SLAB_RED_ZONE", 0x400);

    /// <summary>SLAB_POISON: free objects have a pattern.</summary>
    public uint Poison { get; } = Value(image, "_SLAB_POISON", 0x800);

    /// <summary>SLAB_NEVER_MERGE (mm/slab_common.c): those two, SLAB_TYPESAFE_BY_RCU, and flags of single caches.</summary>
    public uint NeverMerge { get; } = Value(image, "_SLAB_RED_ZONE", 0x400) | Value(image, "_SLAB_POISON", 0x800) | Value(image, "_SLAB_TYPESAFE_BY_RCU", 0x80000)
        | Value(image, "_SLAB_STORE_USER", 0x10000) | Value(image, "_SLAB_TRACE", 0x200000) | Value(image, "_SLAB_NOLEAKTRACE", 0x800000) | Value(image, "_SLAB_NO_MERGE", 0);

    /// <summary>SLAB_MERGE_SAME: the flags in which caches must agree to be merged.</summary>
    public uint MergeSame { get; } = Value(image, "_SLAB_RECLAIM_ACCOUNT", 0x20000) | Value(image, "_SLAB_CACHE_DMA", 0x4000)
        | Value(image, "_SLAB_CACHE_DMA32", 0x8000) | Value(image, "_SLAB_ACCOUNT", 0x4000000);

    private static uint Value(KernelImage image, string bit, uint old) =>
        image.Enumerator(bit) is { } number ? 1u << (int)number : old;
}
