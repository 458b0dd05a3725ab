namespace Lkm.Kernel.Memory;

/// <summary>
/// What the page allocator knows of a page of RAM, in one byte: the order of the block that starts here (bits 0 to 3), whether the page
/// was ever given out (bit 4), and its kind (bits 5 to 7).
/// </summary>
internal static class PageState
{
    /// <summary>The bits of the order.</summary>
    public const byte OrderMask = 0x0f;

    /// <summary>The page was given out before, so it may hold something.</summary>
    public const byte Used = 0x10;

    /// <summary>The bits of the kind.</summary>
    public const byte KindMask = 0xe0;

    /// <summary>Inside a free block, behind its first page.</summary>
    public const byte FreeTail = 0x00;

    /// <summary>The first page of a free block.</summary>
    public const byte FreeHead = 0x20;

    /// <summary>Given out.</summary>
    public const byte Allocated = 0x40;

    /// <summary>Freed, and kept back so that uses of it are found.</summary>
    public const byte Quarantined = 0x60;

    /// <summary>Not the allocator's: holes, and what the boot took before the allocator ran.</summary>
    public const byte Reserved = 0x80;
}
