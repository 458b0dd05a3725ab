using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

public sealed class PageAllocatorTests : IDisposable
{
    private const ulong Kernel = 0xcc0, Dma = 1, Zero = 0x100, Compound = 0x40000;

    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(10)]
    public void A_block_is_aligned_to_its_size_and_may_be_used_whole(int order)
    {
        var address = Allocate(order);
        var size = AddressSpace.PageSize << order;
        Assert.Equal(0UL, AddressSpace.ToPhysical(address) % size);
        Assert.True(_kernel.CanWrite(address, size));
    }

    [Fact]
    public void Blocks_never_overlap()
    {
        var random = new System.Random(1);
        var blocks = new SortedDictionary<ulong, ulong>();
        for (var i = 0; i < 2000; i++)
        {
            if (blocks.Count > 0 && random.Next(3) == 0)
            {
                var (start, size) = blocks.ElementAt(random.Next(blocks.Count));
                Free(start, System.Numerics.BitOperations.Log2(size / AddressSpace.PageSize));
                blocks.Remove(start);
                continue;
            }

            var order = random.Next(5);
            var address = Allocate(order);
            if (address != 0)
                blocks.Add(address, AddressSpace.PageSize << order);
        }

        ulong end = 0;
        foreach (var (start, size) in blocks)
        {
            Assert.True(start >= end);
            end = start + size;
        }

        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Free_pages_are_counted()
    {
        var before = _kernel.Kernel.Pages.FreePageCount;
        var address = Allocate(4);
        Assert.Equal(before - 16, _kernel.Kernel.Pages.FreePageCount);
        Free(address, 4);
        Assert.Equal(before, _kernel.Kernel.Pages.FreePageCount);
    }

    [Fact]
    public void What_was_split_is_joined_again()
    {
        var pages = new List<ulong>();
        for (ulong page; (page = Allocate(0)) != 0;)
            pages.Add(page);
        Assert.Equal(0UL, _kernel.Kernel.Pages.FreePageCount);
        Assert.Equal(0UL, Allocate(0));
        foreach (var page in pages)
            Free(page, 0);
        Assert.NotEqual(0UL, Allocate(10));
        Assert.Equal(pages.Count - 1024, (int)_kernel.Kernel.Pages.FreePageCount);
    }

    [Fact]
    public void A_freed_page_is_poisoned_and_not_given_out_at_once()
    {
        var address = Allocate(0);
        Free(address, 0);
        Assert.Equal(Shadow.FreePage, _kernel.Memory.ShadowAt(address));
        Assert.NotEqual(address, Allocate(0));
        var report = _kernel.Kernel.Errors.DescribeAccess(address + 8, 4, isWrite: true, BareKernel.Caller);
        Assert.Equal(MemoryErrorKind.UseAfterFree, report.Kind);
    }

    [Fact]
    public void A_second_free_is_reported_and_changes_nothing()
    {
        var address = Allocate(0);
        Free(address, 0);
        var free = _kernel.Kernel.Pages.FreePageCount;
        Free(address, 0);
        Assert.Equal(MemoryErrorKind.DoubleFree, Assert.Single(_kernel.Reports).Kind);
        Assert.Equal(free, _kernel.Kernel.Pages.FreePageCount);
    }

    [Fact]
    public void Parts_of_a_block_may_be_freed_one_by_one()
    {
        var address = Allocate(2);
        for (ulong i = 0; i < 4; i++)
            Free(address + (i * AddressSpace.PageSize), 0);
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Gfp_zero_clears_pages_that_were_used()
    {
        var pages = new List<ulong>();
        for (ulong page; (page = Allocate(0)) != 0;)
        {
            _kernel.Memory.Span(page, 4096).Fill(0xaa);
            pages.Add(page);
        }

        foreach (var page in pages)
            Free(page, 0);
        var again = ToAddress(_kernel.Call("__alloc_pages", Kernel | Zero, 0, 0, 0));
        Assert.False(_kernel.Memory.Span(again, 4096).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Gfp_dma_stays_below_16_MiB()
    {
        var page = ToAddress(_kernel.Call("__alloc_pages", Kernel | Dma, 0, 0, 0));
        Assert.InRange(AddressSpace.ToPhysical(page), 0UL, (16UL << 20) - 1);
    }

    [Fact]
    public void A_compound_page_leads_from_tails_to_its_head()
    {
        var head = _kernel.Call("__alloc_pages", Kernel | Compound, 2, 0, 0);
        const ulong size = 64, compoundHead = 8, order = 17, headFlag = 1 << 16;
        Assert.NotEqual(0UL, _kernel.Memory.ReadUInt64(head) & headFlag);
        Assert.Equal(2, _kernel.Memory.ReadByte(head + size + order));
        for (ulong i = 1; i < 4; i++)
            Assert.Equal(head | 1, _kernel.Memory.ReadUInt64(head + (i * size) + compoundHead));
        const ulong references = 52;
        Assert.Equal(1, _kernel.Memory.ReadInt32(head + references));
        Assert.Equal(0, _kernel.Memory.ReadInt32(head + size + references));
    }

    [Fact]
    public void Bulk_allocation_fills_only_the_empty_places()
    {
        var array = _kernel.Kernel.Slab.Allocate(32);
        _kernel.Memory.WriteUInt64(array + 8, 0x1234);
        Assert.Equal(4UL, _kernel.Call("__alloc_pages_bulk", Kernel, 0, 0, 4, 0, array));
        Assert.Equal(0x1234UL, _kernel.Memory.ReadUInt64(array + 8));
        Assert.NotEqual(0UL, _kernel.Memory.ReadUInt64(array));
        Assert.NotEqual(0UL, _kernel.Memory.ReadUInt64(array + 24));
    }

    [Fact]
    public void An_order_that_is_too_high_gives_nothing() => Assert.Equal(0UL, _kernel.Call("__alloc_pages", Kernel, 11, 0, 0));

    [Fact]
    public void Failure_can_be_injected()
    {
        _kernel.Kernel.SetFailAllocation(request => request.Caller == BareKernel.Caller);
        Assert.Equal(0UL, _kernel.Call("__alloc_pages", Kernel, 0, 0, 0));
        Assert.Equal(0UL, _kernel.Call("__kmalloc", 100, Kernel));
        Assert.Equal(0UL, _kernel.Call("pcpu_alloc", 8, 8, 0, Kernel));
        _kernel.Kernel.SetFailAllocation(null);
        Assert.NotEqual(0UL, _kernel.Call("__alloc_pages", Kernel, 0, 0, 0));
    }

    private static ulong ToAddress(ulong page) => page == 0 ? 0 : AddressSpace.FromStructPage(page);

    private ulong Allocate(int order) => ToAddress(_kernel.Call("__alloc_pages", Kernel, (ulong)order, 0, 0));

    private void Free(ulong address, int order) => _kernel.Call("__free_pages_ok", AddressSpace.ToStructPage(address), (ulong)order, 0);
}
