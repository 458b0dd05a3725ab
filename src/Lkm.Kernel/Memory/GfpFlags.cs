namespace Lkm.Kernel.Memory;

/// <summary>The allocation flags that the core acts on (include/linux/gfp_types.h); their values are the same from 5.10 on.</summary>
[Flags]
public enum GfpFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>__GFP_DMA: below 16 MiB.</summary>
    Dma = 0x01,

    /// <summary>__GFP_HIGHMEM: any page will do.</summary>
    HighMemory = 0x02,

    /// <summary>__GFP_DMA32: below 4 GiB.</summary>
    Dma32 = 0x04,

    /// <summary>__GFP_RECLAIMABLE: a shrinker can free it; picks kmalloc's reclaimable caches.</summary>
    Reclaimable = 0x10,

    /// <summary>__GFP_ZERO: filled with zero.</summary>
    Zero = 0x100,

    /// <summary>__GFP_DIRECT_RECLAIM: the caller may sleep.</summary>
    DirectReclaim = 0x400,

    /// <summary>__GFP_NOWARN: failure is not logged.</summary>
    NoWarn = 0x2000,

    /// <summary>__GFP_NORETRY: failure is better than waiting.</summary>
    NoRetry = 0x10000,

    /// <summary>__GFP_NOFAIL: the caller cannot handle failure.</summary>
    NoFail = 0x8000,

    /// <summary>__GFP_MEMALLOC: may use the last reserves.</summary>
    MemoryAllocator = 0x20000,

    /// <summary>GFP_KERNEL: may wait, and have others' pages written out.</summary>
    Kernel = 0xcc0,

    /// <summary>__GFP_COMP: several pages become one compound page.</summary>
    Compound = 0x40000,

    /// <summary>__GFP_ACCOUNT: charged to a control group; picks kmalloc's accounted caches.</summary>
    Account = 0x400000,
}
