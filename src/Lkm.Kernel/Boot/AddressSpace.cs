using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// Where things lie. Linux's bases are variables of the image (page_offset_base, vmalloc_base, vmemmap_base, phys_base), and are
/// chosen here so that the whole window is the direct map: the physical address of anything in it is its offset in the window,
/// for the image, vmalloc and module space as well (arch/x86/include/asm/page_64.h, __phys_addr). No page of the kernel
/// then has two addresses, except where a module asks for a second one with vmap().
/// </summary>
public static class AddressSpace
{
    /// <summary>PAGE_SIZE, in bytes.</summary>
    public const ulong PageSize = 4096;

    /// <summary>PAGE_SHIFT.</summary>
    public const int PageShift = 12;

    /// <summary>page_offset_base: the start of the direct map and of the window. Memory that the page allocator hands out begins here.</summary>
    public const ulong PageOffset = GuestMemory.WindowStart;

    /// <summary>The most memory that the page allocator can have, in bytes: what lies below vmalloc space, all of it below 4 GiB physical.</summary>
    public const ulong MaximumRam = 4UL << 30;

    /// <summary>vmalloc_base.</summary>
    public const ulong VmallocStart = PageOffset + (4UL << 30);

    /// <summary>The end of what the core hands out as vmalloc and ioremap space.</summary>
    public const ulong VmallocEnd = PageOffset + (8UL << 30);

    /// <summary>vmemmap_base: the array of struct page, one for each page of the window.</summary>
    public const ulong Vmemmap = PageOffset + (8UL << 30);

    /// <summary>Bytes of one struct page (include/linux/mm_types.h).</summary>
    public const ulong StructPageSize = 64;

    /// <summary>The end of the array of struct page.</summary>
    public const ulong VmemmapEnd = Vmemmap + (GuestMemory.WindowSize / PageSize * StructPageSize);

    /// <summary>Space of the kernel core itself: hooks that guest code may call, and return addresses of calls from the core.</summary>
    public const ulong Core = PageOffset + (9UL << 30);

    /// <summary>Page tables of the kernel's half: 33 MiB, of which only what is used is there.</summary>
    public const ulong PageTables = PageOffset + (10UL << 30);

    /// <summary>__START_KERNEL_map: what image addresses are relative to.</summary>
    public const ulong KernelMap = 0xffffffff80000000;

    /// <summary>MODULES_VADDR.</summary>
    public const ulong ModulesStart = 0xffffffffc0000000;

    /// <summary>MODULES_END.</summary>
    public const ulong ModulesEnd = 0xffffffffff000000;

    /// <summary>FIXADDR_TOP: the page of index 0 of enum fixed_addresses; the others lie below it.</summary>
    public const ulong FixmapTop = 0xffffffffff7ff000;

    /// <summary>The address of a page of the fixmap (fix_to_virt()).</summary>
    /// <returns>0 where this kernel has no such page.</returns>
    public static ulong Fixmap(KernelImage image, string index) => image.Enumerator(index) is { } i ? FixmapTop - ((ulong)i << PageShift) : 0;

    /// <summary>phys_base: what makes the physical address of the image its offset in the window.</summary>
    public const ulong PhysicalBase = KernelMap - PageOffset;

    /// <summary>The physical address of an address in the window.</summary>
    public static ulong ToPhysical(ulong address) => address - PageOffset;

    /// <summary>The address of a physical address.</summary>
    public static ulong ToVirtual(ulong physical) => physical + PageOffset;

    /// <summary>The page frame number of an address in the window.</summary>
    public static ulong ToFrame(ulong address) => (address - PageOffset) >> PageShift;

    /// <summary>The struct page of an address in the window (virt_to_page).</summary>
    public static ulong ToStructPage(ulong address) => Vmemmap + (ToFrame(address) * StructPageSize);

    /// <summary>The address of the page that a struct page describes (page_address).</summary>
    public static ulong FromStructPage(ulong page) => PageOffset + ((page - Vmemmap) / StructPageSize * PageSize);

    /// <summary>Rounds up to whole pages.</summary>
    public static ulong PageAlign(ulong size) => (size + PageSize - 1) & ~(PageSize - 1);
}
