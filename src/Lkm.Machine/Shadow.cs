namespace Lkm.Machine;

/// <summary>
/// What may be done with one granule (8 bytes) of guest memory. Values 1 to 7 say that only the first so many bytes may be
/// touched; values from 0x80 are poison, each with the reason, as in the kernel's generic KASAN (mm/kasan/kasan.h).
/// </summary>
public enum Shadow : byte
{
    /// <summary>Nothing was ever put here; also what fresh memory says.</summary>
    Unmapped = 0,

    /// <summary>All eight bytes may be read and written.</summary>
    Accessible = 8,

    /// <summary>All eight bytes may be read, none written.</summary>
    ReadOnly = 9,

    /// <summary>As <see cref="Accessible"/>, and the processor holds decoded instructions of it: a write discards them.</summary>
    Code = 10,

    /// <summary>As <see cref="ReadOnly"/>, and the processor holds decoded instructions of it.</summary>
    ReadOnlyCode = 11,

    /// <summary>The first poison value; every value from here on denies access.</summary>
    Poison = 0x80,

    /// <summary>The red zone around or between slab objects.</summary>
    Redzone = 0x81,

    /// <summary>A freed slab object.</summary>
    Freed = 0x82,

    /// <summary>A page that belongs to the page allocator.</summary>
    FreePage = 0x83,

    /// <summary>The guard after a vmalloc area.</summary>
    VmallocGuard = 0x84,

    /// <summary>The guard below a kernel stack.</summary>
    StackGuard = 0x85,

    /// <summary>Padding after a global variable.</summary>
    GlobalRedzone = 0x86,

    /// <summary>A vmalloc area that was freed.</summary>
    VmallocFreed = 0x87,

    /// <summary>Init memory of the kernel or a module after it was given back.</summary>
    InitFreed = 0x88,

    /// <summary>A per-CPU area that was freed or never allocated.</summary>
    PercpuFreed = 0x89,

    /// <summary>Watched (<see cref="GuestMemory.Watch"/>): what may be done is remembered elsewhere, and each access is to be told of.</summary>
    Watched = 0xFF,
}
