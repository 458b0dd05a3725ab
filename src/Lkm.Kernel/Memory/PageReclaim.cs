using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// What happens when memory gets short (mm/page_alloc.c, __alloc_pages_slowpath()) is borrowed: the image's own allocator wakes kswapd, reclaims, compacts,
/// calls the OOM killer and warns. It asks here for the pages, one watermark after the other.
/// </summary>
/// <remarks>The C# allocators come here when they find less than the low watermark, with the frames on the stack that the image's own would have.</remarks>
internal sealed partial class PageReclaim
{
    private static readonly string[] s_entries = ["__alloc_frozen_pages_noprof", "__alloc_pages_noprof", "__alloc_pages", "__alloc_pages_nodemask"];

    /// <summary>Functions around the page allocator that others call.</summary>
    public static ReadOnlySpan<string> Allocators => s_allocators;

    private static readonly string[] s_allocators =
        ["alloc_pages", "alloc_pages_current", "alloc_pages_noprof", "alloc_pages_mpol", "alloc_pages_mpol_noprof", "alloc_frozen_pages_noprof"];

    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly GuestCalls _calls;
    private readonly PageAllocator _pages;
    private readonly SlabAllocator _slab;
    private readonly CallChain _chain;
    private readonly string? _entry;
    private readonly bool _bulkHasList;

    /// <summary>Puts the parts together.</summary>
    public PageReclaim(GuestMemory memory, KernelImage image, GuestCalls calls, CallChain chain, PageAllocator pages, SlabAllocator slab)
    {
        _memory = memory;
        _image = image;
        _calls = calls;
        _pages = pages;
        _slab = slab;
        _chain = chain;
        _entry = Array.Find(s_entries, name => image.TrySymbol(name, out _));
        _bulkHasList = !image.TrySymbol("__alloc_frozen_pages_noprof", out _); // 6.14 dropped the list
    }

    /// <summary>Has the image's own allocator make room, as far as the flags allow. A function of the image's has just been entered, in whose name this is.</summary>
    /// <param name="gfp">The flags.</param>
    /// <param name="order">The order of the block that the function would ask for.</param>
    /// <param name="inner">Functions that may lie between it and the page allocator.</param>
    /// <returns>Whether there was such a block, which is free now.</returns>
    public async GuestTask<bool> MakeRoom(GfpFlags gfp, int order, params string[] inner)
    {
        const ulong anyNode = 0;
        if (_entry is null)
            return false;
        var caller = _image.Symbolise(_calls.InstructionPointer).Split('+')[0];
        var page = await _chain.Call(_chain.Sites.FindPath(caller, inner, _entry), _image.Symbol(_entry), (uint)gfp, (ulong)order, anyNode);
        if (page == 0)
            return false;
        _pages.GiveBack(AddressSpace.FromStructPage(page), order);
        return true;
    }

    /// <summary>Has room made for single pages, one after the other, by <see cref="MakeRoom(GfpFlags, int, string[])"/>.</summary>
    /// <param name="pages">How many there are to be at once.</param>
    /// <param name="gfp">The flags.</param>
    /// <param name="inner">Functions that may lie in between.</param>
    /// <returns>Whether there are so many, of which none is taken yet.</returns>
    public async GuestTask<bool> MakeRoom(ulong pages, GfpFlags gfp, params string[] inner)
    {
        for (long before = -1; ;)
        {
            var taken = _pages.ChargeAvailable(pages, Mark.Min);
            var isRoom = taken == pages || ((long)taken > before && await MakeRoom(gfp, 0, inner));
            _pages.Uncharge(taken);
            if (!isRoom || taken == pages)
                return isRoom;
            before = (long)taken;
        }
    }

    /// <summary>Takes a block from the first zone that has more than the watermark that the flags tell, by the image's own reckoning.</summary>
    [KernelFunction("get_page_from_freelist")]
    private async GuestTask<ulong> GetPageFromFreelist(uint gfp, int order, uint allocFlags, ulong context)
    {
        const uint noWatermarks = 4; // ALLOC_NO_WATERMARKS
        _slab.DrainQuarantine();
        for (var i = _pages.FirstZone((GfpFlags)gfp); i >= 0; i--)
        {
            var zone = _pages.Node.Zones[i];
            var isEnough = (allocFlags & noWatermarks) != 0 || (byte)await _calls.Call(
                _image.Symbol("__zone_watermark_ok"), zone.Address, (ulong)order, _pages.Watermark(zone, allocFlags),
                (ulong)_pages.HighestZone((GfpFlags)gfp), allocFlags, _memory.ReadUInt64(zone.FreeCount)) != 0;
            if (isEnough && _pages.TakeFrom(zone, (GfpFlags)gfp, order) is var address and not 0)
                return AddressSpace.ToStructPage(address);
        }

        return 0;
    }
}
