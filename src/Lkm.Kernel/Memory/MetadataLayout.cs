using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Where the allocators keep their own records: in the core's part of the window, where a snapshot holds them and no guest pointer
/// leads. The memory is sparse: tables are as large as the window asks, and cost what is used of them.
/// </summary>
internal static class MetadataLayout
{
    /// <summary>The start of the allocators' part.</summary>
    public const ulong Start = AddressSpace.Core + (64UL << 20);

    /// <summary>One byte for each page of RAM: <see cref="PageState"/>.</summary>
    public const ulong PageStates = Start;

    /// <summary>The page allocator's variables.</summary>
    public const ulong PageAllocatorState = Start + (2UL << 20);

    /// <summary>The slab allocator's variables.</summary>
    public const ulong SlabState = PageAllocatorState + AddressSpace.PageSize;

    /// <summary>The vmalloc allocator's variables.</summary>
    public const ulong VmallocState = SlabState + AddressSpace.PageSize;

    /// <summary>The variables of the allocation tracks.</summary>
    public const ulong TrackState = VmallocState + AddressSpace.PageSize;

    /// <summary>The variables of the arena of records.</summary>
    public const ulong ArenaState = TrackState + AddressSpace.PageSize;

    /// <summary>One address for each page of the window: the record of the slab or of the vmalloc area that it belongs to.</summary>
    public const ulong Owners = Start + (4UL << 20);

    /// <summary>The arena of records.</summary>
    public const ulong Arena = Start + (64UL << 20);

    /// <summary>The end of the arena, and the start of the allocation tracks.</summary>
    public const ulong Tracks = AddressSpace.Core + (512UL << 20);

    /// <summary>The end of the allocation tracks.</summary>
    public const ulong End = AddressSpace.Core + (1UL << 30);

    /// <summary>The place in <see cref="Owners"/> of the page that holds an address of the window.</summary>
    public static ulong OwnerOf(ulong address) => Owners + (AddressSpace.ToFrame(address) * sizeof(ulong));
}
