using System.Numerics;
using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <summary>
/// How a cache's objects lie in its slabs: each has a red zone before it, and the last one after it, as wide as the alignment asks but
/// at least 16 bytes. kmalloc's powers of two so keep their natural alignment, at the price of every second place.
/// </summary>
/// <param name="ObjectSize">Bytes of an object.</param>
/// <param name="Align">Its alignment.</param>
/// <param name="Lead">Bytes of red zone before each object.</param>
/// <param name="Stride">Bytes from one object to the next.</param>
/// <param name="Order">The order of a slab's pages.</param>
/// <param name="Objects">Objects in a slab.</param>
internal readonly record struct CacheGeometry(uint ObjectSize, uint Align, uint Lead, uint Stride, int Order, int Objects)
{
    private const uint SmallestRedzone = 16;

    /// <summary>Lays objects out.</summary>
    /// <returns>False when not even one object fits the largest block of pages.</returns>
    public static bool TryCreate(uint objectSize, uint align, out CacheGeometry geometry)
    {
        var lead = Math.Max(align, SmallestRedzone);
        var stride = (lead + objectSize + align - 1) / align * align;
        const int usualOrder = 3; // PAGE_ALLOC_COSTLY_ORDER
        const int enough = 8;
        var order = 0;
        while (order < usualOrder && Fit(stride, order) < enough)
            order++;
        while (order < MemoryNode.MaximumOrder && Fit(stride, order) == 0)
            order++;
        geometry = new CacheGeometry(objectSize, align, lead, stride, order, Fit(stride, order));
        return geometry.Objects > 0;
    }

    /// <summary>The same objects without red zones, one behind the other as on Linux: what slabs are like when memory is short.</summary>
    public CacheGeometry Dense => this with { Lead = 0, Stride = (ObjectSize + Align - 1) / Align * Align };

    /// <summary>The order of the smallest slab that holds an object: what is asked for when memory is short.</summary>
    public int LeastOrder
    {
        get
        {
            var order = 0;
            while (Fit(order) == 0)
                order++;
            return order;
        }
    }

    /// <summary>How many objects a slab of an order holds.</summary>
    public int Fit(int order) => Lead == 0 ? (int)((AddressSpace.PageSize << order) / Stride) : Fit(Stride, order);

    private static int Fit(uint stride, int order) => (int)(((AddressSpace.PageSize << order) - SmallestRedzone) / stride);

    /// <summary>calculate_alignment() (mm/slab_common.c).</summary>
    public static uint CalculateAlignment(bool cacheLineAligned, uint align, uint size)
    {
        const uint cacheLine = 64, smallest = sizeof(ulong);
        if (cacheLineAligned)
        {
            var line = cacheLine;
            while (size <= line / 2)
                line /= 2;
            align = Math.Max(align, line);
        }

        return BitOperations.RoundUpToPowerOf2(Math.Max(align, smallest));
    }
}
