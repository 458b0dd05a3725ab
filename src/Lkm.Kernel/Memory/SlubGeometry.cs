using System.Numerics;
using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <summary>
/// How Linux lays a cache's objects out (mm/slub.c, calculate_sizes() and calculate_order()): what /proc/slabinfo and sysfs show, and what decides
/// which caches are merged. Here objects lie farther apart (<see cref="CacheGeometry"/>).
/// </summary>
/// <param name="Size">Bytes from one object to the next.</param>
/// <param name="Order">The order of a slab's pages.</param>
/// <param name="Objects">Objects in a slab.</param>
internal readonly record struct SlubGeometry(uint Size, int Order, int Objects)
{
    private const int UsualOrder = 3; // slub_max_order
    private const uint Word = sizeof(ulong);

    /// <summary>Lays objects out.</summary>
    /// <param name="objectSize">Bytes of an object.</param>
    /// <param name="align">Its alignment, a power of two.</param>
    /// <param name="hasPointerBehind">Whether a free object may not be written to, so that the free list's pointer lies behind it.</param>
    /// <param name="hasRedZone">SLAB_RED_ZONE.</param>
    public static SlubGeometry Of(uint objectSize, uint align, bool hasPointerBehind, bool hasRedZone)
    {
        var size = RoundUp(objectSize, Word);
        if (hasRedZone && size == objectSize)
            size += Word;
        if (hasPointerBehind)
            size += Word;
        if (hasRedZone)
            size += Word + RoundUp(Word, align);
        size = RoundUp(size, align);
        var order = OrderOf(size);
        return new SlubGeometry(size, order, (int)((AddressSpace.PageSize << order) / size));
    }

    /// <summary>The order of the smallest slab that holds an object (struct kmem_cache's min).</summary>
    public int LeastOrder => PageOrder(Size);

    private static int OrderOf(uint size)
    {
        const uint enough = 8; // objects in a slab, on one processor
        for (var objects = Math.Min(enough, (uint)(AddressSpace.PageSize << UsualOrder) / size); objects > 1; objects--)
        {
            for (uint fraction = 16; fraction >= 4; fraction /= 2)
            {
                if (Try(size, objects, fraction) is var order && order <= UsualOrder)
                    return order;
            }
        }

        return PageOrder(size);
    }

    /// <summary>The smallest order from which no more than a fraction of a slab is left over.</summary>
    private static int Try(uint size, uint objects, uint fraction)
    {
        var order = PageOrder(objects * size);
        for (; order <= UsualOrder; order++)
        {
            var slab = (uint)(AddressSpace.PageSize << order);
            if (slab % size <= slab / fraction)
                break;
        }

        return order;
    }

    /// <summary>get_order().</summary>
    private static int PageOrder(uint size) => size <= AddressSpace.PageSize ? 0 : 32 - BitOperations.LeadingZeroCount((size - 1) / (uint)AddressSpace.PageSize);

    private static uint RoundUp(uint value, uint to) => (value + to - 1) / to * to;
}
