namespace Lkm.Kernel.Memory;

/// <summary>
/// What the fast path needs of a cache, read once from its struct kmem_cache; nothing in it changes, so it is no state.
/// </summary>
/// <param name="Address">The struct kmem_cache.</param>
/// <param name="Name">Its name.</param>
/// <param name="Geometry">How its objects lie.</param>
/// <param name="Gfp">What its pages are allocated with besides the caller's flags.</param>
/// <param name="Constructor">The constructor, or 0.</param>
/// <param name="IsKmalloc">Whether objects may be smaller than their place.</param>
/// <param name="IsTypeSafeByRcu">Whether freed objects stay readable.</param>
/// <param name="IsReclaimable">Whether its pages count as reclaimable.</param>
internal sealed record SlabCache(
    ulong Address, string Name, CacheGeometry Geometry, GfpFlags Gfp, ulong Constructor,
    bool IsKmalloc, bool IsTypeSafeByRcu, bool IsReclaimable);
