using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>The sizes of kmalloc's caches, by their index in kmalloc_caches[] (mm/slab_common.c, kmalloc_info[]).</summary>
internal static class KmallocCaches
{
    /// <summary>KMALLOC_SHIFT_HIGH + 1: indexes in each type's row.</summary>
    public const int Count = 14;

    /// <summary>KMALLOC_MAX_CACHE_SIZE: two pages.</summary>
    public const ulong LargestSize = 8192;

    /// <summary>The index of the smallest cache that holds <paramref name="size"/> bytes; null when none does.</summary>
    public static int? IndexOf(ulong size) => size switch
    {
        > LargestSize => null,
        > 64 and <= 96 => 1,
        > 128 and <= 192 => 2,
        <= 8 => 3,
        _ => Bits.Log2(size - 1) + 1,
    };

    /// <summary>The object size of an index; 0 for an index that is not used.</summary>
    public static uint SizeOf(int index) => index switch
    {
        0 => 0,
        1 => 96,
        2 => 192,
        _ => 1u << index,
    };

    /// <summary>The size as it is written in a cache's name.</summary>
    public static string NameOf(int index) => SizeOf(index) is var size && size >= 1024 ? $"{size / 1024}k" : $"{size}";
}
