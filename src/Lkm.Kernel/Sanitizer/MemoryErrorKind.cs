namespace Lkm.Kernel.Sanitizer;

/// <summary>What a memory error is, by KASAN's names (mm/kasan/report.c, report_generic.c).</summary>
public enum MemoryErrorKind
{
    /// <summary>unknown-crash: none of the others.</summary>
    Unknown,

    /// <summary>slab-out-of-bounds: beside an object of a slab, or of kmalloc.</summary>
    SlabOutOfBounds,

    /// <summary>use-after-free: in an object or page that was freed.</summary>
    UseAfterFree,

    /// <summary>vmalloc-out-of-bounds: beside a vmalloc area, or in one that was freed.</summary>
    VmallocOutOfBounds,

    /// <summary>global-out-of-bounds: beside a global variable.</summary>
    GlobalOutOfBounds,

    /// <summary>stack-out-of-bounds: below a kernel stack.</summary>
    StackOutOfBounds,

    /// <summary>out-of-bounds: an access that wraps around, or beside a per-CPU variable.</summary>
    OutOfBounds,

    /// <summary>null-ptr-deref: in the first page.</summary>
    NullPointer,

    /// <summary>user-memory-access: in the user half, without the functions made for it.</summary>
    UserMemoryAccess,

    /// <summary>wild-memory-access: where no memory can be.</summary>
    WildAccess,

    /// <summary>double-free: of what is free already.</summary>
    DoubleFree,

    /// <summary>invalid-free: of what was not allocated, or not at this address.</summary>
    InvalidFree,
}

/// <summary>KASAN's words for the kinds of errors.</summary>
public static class MemoryErrorKindText
{
    /// <summary>The name in the report's first line.</summary>
    public static string Name(this MemoryErrorKind kind) => kind switch
    {
        MemoryErrorKind.SlabOutOfBounds => "slab-out-of-bounds",
        MemoryErrorKind.UseAfterFree => "use-after-free",
        MemoryErrorKind.VmallocOutOfBounds => "vmalloc-out-of-bounds",
        MemoryErrorKind.GlobalOutOfBounds => "global-out-of-bounds",
        MemoryErrorKind.StackOutOfBounds => "stack-out-of-bounds",
        MemoryErrorKind.OutOfBounds => "out-of-bounds",
        MemoryErrorKind.NullPointer => "null-ptr-deref",
        MemoryErrorKind.UserMemoryAccess => "user-memory-access",
        MemoryErrorKind.WildAccess => "wild-memory-access",
        MemoryErrorKind.DoubleFree => "double-free",
        MemoryErrorKind.InvalidFree => "invalid-free",
        _ => "unknown-crash",
    };
}
