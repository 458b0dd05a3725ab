namespace Lkm.Kernel.Sanitizer;

/// <summary>Who allocated or freed an object.</summary>
/// <param name="Pid">The task's id.</param>
/// <param name="Comm">The task's name.</param>
/// <param name="Frames">Return addresses, the caller of the allocator first.</param>
public sealed record AllocationTrack(int Pid, string Comm, IReadOnlyList<ulong> Frames);

/// <summary>What an allocator knows of an object, live or freed.</summary>
/// <param name="Address">Its first byte.</param>
/// <param name="Size">Bytes asked for.</param>
/// <param name="CacheName">The slab cache, or null for an object with pages of its own.</param>
/// <param name="CacheObjectSize">The cache's object size in bytes.</param>
/// <param name="IsFreed">Whether it was freed.</param>
/// <param name="Allocated">Who allocated it, where known.</param>
/// <param name="Freed">Who freed it, where it was freed.</param>
public sealed record ObjectDescription(
    ulong Address, ulong Size, string? CacheName, uint CacheObjectSize, bool IsFreed, AllocationTrack? Allocated, AllocationTrack? Freed);

/// <summary>What is known of a vmalloc area.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="Pages">Its pages.</param>
/// <param name="Caller">Who asked for it.</param>
public sealed record VmallocDescription(ulong Start, ulong Pages, ulong Caller);

/// <summary>A page as dump_page() shows it.</summary>
/// <param name="StructPage">The address of its struct page.</param>
/// <param name="Frame">Its frame number.</param>
/// <param name="References">_refcount of its head page.</param>
/// <param name="Index">The index member.</param>
/// <param name="Mapping">The mapping member.</param>
/// <param name="Flags">The flags.</param>
/// <param name="FlagNames">The flags' names, joined by bars, with node and zone.</param>
/// <param name="Raw">The eight words of the struct.</param>
public sealed record PageDescription(
    ulong StructPage, ulong Frame, int References, ulong Index, ulong Mapping, ulong Flags, string FlagNames, IReadOnlyList<ulong> Raw);

/// <summary>One error of memory use, whole: nothing in it changes when the guest goes on.</summary>
public sealed record MemoryErrorReport
{
    /// <summary>What it is.</summary>
    public required MemoryErrorKind Kind { get; init; }

    /// <summary>The address used or freed.</summary>
    public required ulong Address { get; init; }

    /// <summary>The first address that may not be touched.</summary>
    public required ulong FirstBadAddress { get; init; }

    /// <summary>Bytes of the access; 0 for a free.</summary>
    public required ulong Size { get; init; }

    /// <summary>Whether the access was a write.</summary>
    public required bool IsWrite { get; init; }

    /// <summary>The instruction that did it; of a free, where the free returns to.</summary>
    public required ulong InstructionPointer { get; init; }

    /// <summary>The task's id.</summary>
    public required int Pid { get; init; }

    /// <summary>The task's name.</summary>
    public required string Comm { get; init; }

    /// <summary>The object that the address is in or nearest to, when there is one.</summary>
    public ObjectDescription? Object { get; init; }

    /// <summary>The vmalloc area that the address is in or behind, when there is one.</summary>
    public VmallocDescription? Vmalloc { get; init; }

    /// <summary>Whether the address lies in vmalloc space, in an area or not.</summary>
    public bool IsVmallocSpace { get; init; }

    /// <summary>The page, when the address lies in RAM.</summary>
    public PageDescription? Page { get; init; }

    /// <summary>Whether the address lies in the image or a module, so that a symbol describes it.</summary>
    public bool IsVariable { get; init; }

    /// <summary>The address of the first row of <see cref="MemoryState"/>, or 0 where there is none.</summary>
    public ulong MemoryStateStart { get; init; }

    /// <summary>KASAN's shadow bytes around the address: five rows of sixteen, each byte for eight bytes of memory.</summary>
    public IReadOnlyList<byte> MemoryState { get; init; } = [];

    /// <summary>Whether it is a wrong free, and not an access.</summary>
    public bool IsFree => Kind is MemoryErrorKind.DoubleFree or MemoryErrorKind.InvalidFree;
}
