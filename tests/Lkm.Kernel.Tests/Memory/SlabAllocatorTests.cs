using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

public sealed class SlabAllocatorTests : IDisposable
{
    private const ulong Kernel = 0xcc0, Zero = 0x100;

    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(13)]
    [InlineData(96)]
    [InlineData(100)]
    [InlineData(192)]
    [InlineData(512)]
    [InlineData(1000)]
    [InlineData(4096)]
    [InlineData(8192)]
    [InlineData(8193)]
    [InlineData(16384)]
    [InlineData(100_000)]
    public void Exactly_the_bytes_asked_for_may_be_used(int size)
    {
        var first = Kmalloc(size);
        var second = Kmalloc(size);
        foreach (var address in new[] { first, second })
        {
            Assert.True(_kernel.CanWrite(address, (ulong)size));
            Assert.False(_kernel.CanRead(address + (ulong)size, 1));
            Assert.False(_kernel.CanRead(address - 1, 1) && size <= 8192);
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(64)]
    [InlineData(512)]
    [InlineData(2048)]
    [InlineData(4096)]
    [InlineData(8192)]
    public void Powers_of_two_are_naturally_aligned(int size)
    {
        for (var i = 0; i < 20; i++)
            Assert.Equal(0UL, Kmalloc(size) % (ulong)size);
    }

    [Fact]
    public void An_overflow_is_described_with_the_object_it_ran_out_of()
    {
        var address = Kmalloc(100);
        var report = _kernel.Kernel.Errors.DescribeAccess(address + 100, 1, isWrite: true, BareKernel.Caller);
        Assert.Equal(MemoryErrorKind.SlabOutOfBounds, report.Kind);
        Assert.Equal(address, report.Object!.Address);
        Assert.Equal(100UL, report.Object.Size);
        Assert.Equal("kmalloc-128", report.Object.CacheName);
        Assert.Equal(BareKernel.Caller, report.Object.Allocated!.Frames[0]);
        Assert.Equal(123, report.Object.Allocated.Pid);
        Assert.Equal("insmod", report.Object.Allocated.Comm);
    }

    [Fact]
    public void A_use_after_free_names_who_allocated_and_who_freed()
    {
        var address = Kmalloc(64);
        _kernel.CallFrom(BareKernel.Caller + 0x100, "kfree", address);
        var report = _kernel.Kernel.Errors.DescribeAccess(address + 4, 8, isWrite: false, BareKernel.Caller);
        Assert.Equal(MemoryErrorKind.UseAfterFree, report.Kind);
        Assert.True(report.Object!.IsFreed);
        Assert.Equal(BareKernel.Caller, report.Object.Allocated!.Frames[0]);
        Assert.Equal(BareKernel.Caller + 0x100, report.Object.Freed!.Frames[0]);
    }

    [Fact]
    public void A_freed_place_is_not_used_again_soon()
    {
        var address = Kmalloc(64);
        _kernel.Call("kfree", address);
        for (var i = 0; i < 1000; i++)
            Assert.NotEqual(address, Kmalloc(64));
    }

    [Fact]
    public void A_double_free_is_reported()
    {
        var address = Kmalloc(64);
        _kernel.Call("kfree", address);
        _kernel.Call("kfree", address);
        Assert.Equal(MemoryErrorKind.DoubleFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(-8)]
    public void A_free_of_another_address_than_the_objects_is_reported(int offset)
    {
        var address = Kmalloc(64);
        _kernel.Call("kfree", address + (ulong)offset);
        Assert.Equal(MemoryErrorKind.InvalidFree, Assert.Single(_kernel.Reports).Kind);
        Assert.True(_kernel.CanWrite(address, 64));
    }

    [Theory]
    [InlineData(0xffffffff82100000)]
    [InlineData(0xffff_fffd_0000_0000)]
    [InlineData(0x1000)]
    public void A_free_of_what_is_no_object_is_reported(ulong address)
    {
        _kernel.Call("kfree", address);
        Assert.Equal(MemoryErrorKind.InvalidFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Fact]
    public void Null_and_ZERO_SIZE_PTR_are_freed_silently()
    {
        Assert.Equal(16UL, Kmalloc(0));
        _kernel.Call("kfree", 16);
        _kernel.Call("kfree", 0);
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Zeroing_clears_a_place_that_is_used_again()
    {
        var seen = new HashSet<ulong>();
        for (var i = 0; i < 60_000; i++)
        {
            var address = _kernel.Call("__kmalloc", 256, Kernel | Zero);
            if (!seen.Add(address))
            {
                Assert.False(_kernel.Memory.Span(address, 256).ContainsAnyExcept((byte)0));
                return;
            }

            _kernel.Memory.Span(address, 256).Fill(0xaa);
            _kernel.Call("kfree", address);
        }

        Assert.Fail("no place was used twice");
    }

    [Fact]
    public void Krealloc_grows_in_place_and_beyond()
    {
        var address = Kmalloc(100);
        _kernel.Memory.Span(address, 100).Fill(0x5a);
        Assert.Equal(address, _kernel.Call("krealloc", address, 120, Kernel));
        Assert.True(_kernel.CanWrite(address, 120));
        Assert.False(_kernel.CanWrite(address, 121));
        Assert.Equal(address, _kernel.Call("krealloc", address, 50, Kernel));
        Assert.False(_kernel.CanWrite(address, 51));
        var moved = _kernel.Call("krealloc", address, 1000, Kernel);
        Assert.NotEqual(address, moved);
        Assert.False(_kernel.Memory.Span(moved, 50).ContainsAnyExcept((byte)0x5a));
        Assert.False(_kernel.CanRead(address, 1));
        Assert.Equal(16UL, _kernel.Call("krealloc", moved, 0, Kernel));
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Ksize_gives_the_rest_of_the_place()
    {
        var address = Kmalloc(100);
        Assert.Equal(128UL, _kernel.Call("ksize", address));
        Assert.True(_kernel.CanWrite(address, 128));
        Assert.Equal(128UL, _kernel.Call("kmalloc_size_roundup", 100));
        Assert.Equal(0UL, _kernel.Call("ksize", 0));
    }

    [Fact]
    public void A_cache_counts_its_objects_and_can_be_destroyed()
    {
        var cache = CreateCache("test_cache", 200);
        var objects = Enumerable.Range(0, 100).Select(_ => _kernel.Call("kmem_cache_alloc", cache, Kernel)).ToList();
        Assert.Equal(100, objects.Distinct().Count());
        Assert.True(_kernel.CanWrite(objects[0], 200));
        Assert.False(_kernel.CanRead(objects[0] + 200, 1));
        var info = _kernel.Kernel.Slab.Allocate(64);
        _kernel.Call("get_slabinfo", cache, info);
        Assert.Equal(100UL, _kernel.Memory.ReadUInt64(info)); // five slabs of 20
        foreach (var address in objects)
            _kernel.Call("kmem_cache_free", cache, address);
        _kernel.Call("kmem_cache_destroy", cache);
        Assert.Empty(_kernel.Warnings);
        Assert.False(_kernel.CanRead(cache, 8));
    }

    [Fact]
    public void A_cache_with_objects_stays_and_warns()
    {
        var cache = CreateCache("test_cache", 200);
        _kernel.Call("kmem_cache_alloc", cache, Kernel);
        _kernel.Call("kmem_cache_destroy", cache);
        Assert.Contains("kmem_cache_destroy test_cache: Slab cache still has objects", Assert.Single(_kernel.Warnings), StringComparison.Ordinal);
        Assert.True(_kernel.CanRead(cache, 8));
    }

    [Fact]
    public void A_free_into_the_wrong_cache_warns_as_Linux_does()
    {
        var (one, other) = (CreateCache("one", 64), CreateCache("other", 72));
        _kernel.Call("kmem_cache_free", other, _kernel.Call("kmem_cache_alloc", one, Kernel));
        Assert.Equal("cache_from_obj: Wrong slab cache. other but object is from one", Assert.Single(_kernel.Warnings));
    }

    [Fact]
    public void Type_safe_objects_stay_readable_after_free()
    {
        const ulong typeSafe = 0x80000;
        var cache = _kernel.Call("kmem_cache_create", _kernel.Text("rcu"), 64, 0, typeSafe, 0);
        var address = _kernel.Call("kmem_cache_alloc", cache, Kernel);
        _kernel.Call("kmem_cache_free", cache, address);
        Assert.True(_kernel.CanRead(address, 64));
        _kernel.Call("kmem_cache_free", cache, address);
        Assert.Equal(MemoryErrorKind.DoubleFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Fact]
    public void Pages_of_slabs_are_marked_and_lead_to_the_cache()
    {
        var cache = CreateCache("test_cache", 64);
        var page = AddressSpace.ToStructPage(_kernel.Call("kmem_cache_alloc", cache, Kernel));
        const ulong slabFlag = 1 << 9, slabCache = 24;
        Assert.NotEqual(0UL, _kernel.Memory.ReadUInt64(page) & slabFlag);
        Assert.Equal(cache, _kernel.Memory.ReadUInt64(page + slabCache));
    }

    [Fact]
    public void Memory_that_is_used_up_gives_null_and_comes_back()
    {
        var objects = new List<ulong>();
        for (ulong address; (address = Kmalloc(100_000)) != 0;)
            objects.Add(address);
        Assert.NotEmpty(objects);
        foreach (var address in objects)
            _kernel.Call("kfree", address);
        Assert.NotEqual(0UL, Kmalloc(100_000));
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Random_use_keeps_objects_apart()
    {
        var random = new System.Random(7);
        var live = new Dictionary<ulong, (int Size, byte Fill)>();
        for (var i = 0; i < 20_000; i++)
        {
            if (live.Count > 200 || (live.Count > 0 && random.Next(2) == 0))
            {
                var (address, (size, fill)) = live.ElementAt(random.Next(live.Count));
                Assert.False(_kernel.Memory.Span(address, size).ContainsAnyExcept(fill));
                _kernel.Call("kfree", address);
                live.Remove(address);
            }
            else
            {
                var size = random.Next(1, random.Next(8) == 0 ? 40_000 : 600);
                var address = Kmalloc(size);
                var fill = (byte)random.Next(1, 256);
                Assert.True(live.TryAdd(address, (size, fill)));
                _kernel.Memory.Span(address, size).Fill(fill);
            }
        }

        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void The_caches_of_kmalloc_are_those_of_Linux()
    {
        var names = new List<string>();
        var head = _kernel.Image.Symbol("slab_caches");
        for (var node = _kernel.Memory.ReadUInt64(head); node != head; node = _kernel.Memory.ReadUInt64(node))
            names.Add(_kernel.Memory.ReadString(_kernel.Memory.ReadUInt64(node - 104 + 96)));
        string[] sizes = ["8", "16", "32", "64", "96", "128", "192", "256", "512", "1k", "2k", "4k", "8k"];
        var expected = new[] { "kmalloc-", "kmalloc-cg-", "kmalloc-rcl-", "dma-kmalloc-" }.SelectMany(p => sizes.Select(s => p + s)).Append("kmem_cache").Append("kmem_cache_node");
        Assert.Equal(expected.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }

    private ulong Kmalloc(int size) => _kernel.Call("__kmalloc", (ulong)size, Kernel);

    private ulong CreateCache(string name, ulong size) => _kernel.Call("kmem_cache_create", _kernel.Text(name), size, 0, 0, 0);
}
