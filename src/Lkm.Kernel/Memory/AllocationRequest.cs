namespace Lkm.Kernel.Memory;

/// <summary>Which allocator a request went to.</summary>
public enum AllocatorKind
{
    /// <summary>The page allocator.</summary>
    Pages,

    /// <summary>kmalloc and the slab caches.</summary>
    Slab,

    /// <summary>vmalloc, vmap and ioremap space.</summary>
    Vmalloc,

    /// <summary>Per-CPU memory.</summary>
    PerCpu,
}

/// <summary>An allocation about to be made, for whoever wants it to fail (as Linux's failslab and fail_page_alloc do).</summary>
/// <param name="Allocator">The allocator.</param>
/// <param name="Size">Bytes asked for.</param>
/// <param name="Gfp">The allocation flags.</param>
/// <param name="Caller">The address that the allocation returns to; 0 for the kernel core itself.</param>
public readonly record struct AllocationRequest(AllocatorKind Allocator, ulong Size, GfpFlags Gfp, ulong Caller);
