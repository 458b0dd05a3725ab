using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

public sealed class VmallocAllocatorTests : IDisposable
{
    private const ulong Kernel = 0xcc0, ReadWrite = 0x63, NoFlags = 0, AnyNode = ulong.MaxValue;

    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(10_000)]
    [InlineData(5_000_000)]
    public void Exactly_the_bytes_asked_for_may_be_used(int size)
    {
        var address = Vmalloc((ulong)size);
        Assert.InRange(address, AddressSpace.VmallocStart, AddressSpace.VmallocEnd);
        Assert.True(_kernel.CanWrite(address, (ulong)size));
        Assert.False(_kernel.CanRead(address + (ulong)size, 1));
        var report = _kernel.Kernel.Errors.DescribeAccess(address + (ulong)size, 1, isWrite: false, BareKernel.Caller);
        Assert.Equal(MemoryErrorKind.VmallocOutOfBounds, report.Kind);
        Assert.Equal(BareKernel.Caller, report.Vmalloc!.Caller);
    }

    [Fact]
    public void Fresh_and_reused_memory_is_zero()
    {
        for (var i = 0; i < 3; i++)
        {
            var address = Vmalloc(8192);
            Assert.False(_kernel.Memory.Span(address, 8192).ContainsAnyExcept((byte)0));
            _kernel.Memory.Span(address, 8192).Fill(1);
            _kernel.Call("vfree", address);
            Assert.False(_kernel.CanRead(address, 1));
        }
    }

    [Fact]
    public void Its_pages_are_charged_to_RAM()
    {
        Vmalloc(40960); // the first one also takes pages for the slabs of its records
        var before = _kernel.Kernel.Pages.FreePageCount;
        var address = Vmalloc(40960);
        Assert.Equal(before - 10, _kernel.Kernel.Pages.FreePageCount);
        _kernel.Call("vfree", address);
        Assert.Equal(before, _kernel.Kernel.Pages.FreePageCount);
        Assert.Equal(0UL, Vmalloc(1UL << 30));
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(16)]
    public void A_free_of_another_address_is_reported(ulong offset)
    {
        var address = Vmalloc(16384);
        _kernel.Call("vfree", address + offset);
        Assert.Equal(MemoryErrorKind.InvalidFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Fact]
    public void A_double_free_is_reported()
    {
        var address = Vmalloc(16384);
        _kernel.Call("vfree", address);
        _kernel.Call("vfree", address);
        Assert.Equal(MemoryErrorKind.DoubleFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Fact]
    public void Modules_get_memory_in_module_space()
    {
        var address = _kernel.Call("module_alloc", 20_000);
        Assert.InRange(address, AddressSpace.ModulesStart, AddressSpace.ModulesEnd);
        Assert.Equal(1UL, _kernel.Call("is_vmalloc_or_module_addr", address));
        Assert.Equal(0UL, _kernel.Call("is_vmalloc_addr", address));
        _kernel.Call("module_memfree", address);
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Areas_have_struct_vm_struct_and_are_found_by_any_address_in_them()
    {
        var address = Vmalloc(8192);
        var vm = _kernel.Call("find_vm_area", address + 5000);
        Assert.Equal(address, _kernel.Memory.ReadUInt64(vm + 8));
        Assert.Equal(2, _kernel.Memory.ReadInt32(vm + 44));
        var pages = _kernel.Memory.ReadUInt64(vm + 32);
        Assert.Equal(_kernel.Call("vmalloc_to_page", address + 4096), _kernel.Memory.ReadUInt64(pages + 8));
        Assert.Equal(0UL, _kernel.Call("find_vm_area", address + (1 << 20)));
    }

    [Fact]
    public void Vmap_shows_pages_at_a_second_address()
    {
        var pages = _kernel.Kernel.Slab.Allocate(16);
        var addresses = new ulong[2];
        for (var i = 0; i < 2; i++)
        {
            var page = _kernel.Call("__alloc_pages", Kernel, 0, 0, 0);
            _kernel.Memory.WriteUInt64(pages + ((ulong)i * 8), page);
            addresses[i] = AddressSpace.FromStructPage(page);
        }

        var mapped = _kernel.Call("vmap", pages, 2, NoFlags, ReadWrite);
        _kernel.Memory.WriteUInt64(mapped + 4096 + 8, 0x1234);
        Assert.Equal(0x1234UL, _kernel.Memory.ReadUInt64(addresses[1] + 8));
        Assert.Equal(AddressSpace.ToStructPage(addresses[1]), _kernel.Call("vmalloc_to_page", mapped + 4096));
        Assert.False(_kernel.CanRead(mapped + 8192, 1));
        _kernel.Call("vunmap", mapped);
        Assert.False(_kernel.CanRead(mapped, 1));
        Assert.True(_kernel.CanRead(addresses[1], 4096));
        Assert.Empty(_kernel.Reports);
        Assert.Empty(_kernel.Warnings);
    }

    [Fact]
    public void Device_memory_reads_as_all_ones()
    {
        var address = _kernel.Call("__ioremap_caller", 0x1_0000_0123, 100, 0, BareKernel.Caller, 0);
        Assert.Equal(0x123UL, address & 0xfff);
        Assert.Equal(uint.MaxValue, _kernel.Memory.ReadUInt32(address));
        _kernel.Call("iounmap", address);
        Assert.False(_kernel.CanRead(address, 1));
        Assert.Equal(0UL, _kernel.Call("__ioremap_caller", 1 << 20, 100, 0, BareKernel.Caller, 0));
        Assert.Contains("ioremap on RAM", Assert.Single(_kernel.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Ranges_come_back_when_the_space_has_been_gone_through()
    {
        var kept = _kernel.Call("get_vm_area", 1UL << 20, NoFlags);
        var first = _kernel.Memory.ReadUInt64(kept + 8);
        var seen = new HashSet<ulong>();
        for (var i = 0; i < 12; i++)
        {
            var vm = _kernel.Call("get_vm_area", 600UL << 20, NoFlags);
            var address = _kernel.Memory.ReadUInt64(vm + 8);
            Assert.True(address > first + (1 << 20) || address + (600UL << 20) <= first);
            seen.Add(address);
            _kernel.Call("kfree", _kernel.Call("remove_vm_area", address));
        }

        Assert.True(seen.Count < 12);
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Write_protection_covers_what_may_be_written_and_nothing_else()
    {
        var address = Vmalloc(5000);
        _kernel.Kernel.Attributes.Protect(address, 8192);
        Assert.False(_kernel.CanWrite(address, 1));
        Assert.True(_kernel.CanRead(address, 5000));
        Assert.False(_kernel.CanRead(address + 5000, 1));
        _kernel.Kernel.Attributes.Unprotect(address, 8192);
        Assert.True(_kernel.CanWrite(address, 5000));
        Assert.False(_kernel.CanRead(address + 5000, 1));
    }

    [Fact]
    public void Set_memory_ro_reaches_the_shadow()
    {
        var address = Vmalloc(4096);
        var variable = _kernel.Kernel.Slab.Allocate(8);
        _kernel.Memory.WriteUInt64(variable, address);
        const ulong pageRw = 2;
        Assert.Equal(0UL, _kernel.Call("change_page_attr_set_clr", variable, 1, 0, pageRw, 0, 0, 0));
        Assert.False(_kernel.CanWrite(address, 8));
        Assert.Equal(0UL, _kernel.Call("change_page_attr_set_clr", variable, 1, pageRw, 0, 0, 0, 0));
        Assert.True(_kernel.CanWrite(address, 4096));
    }

    private ulong Vmalloc(ulong size) => _kernel.Call("__vmalloc_node_range", size, 1,
        AddressSpace.VmallocStart, unchecked(AddressSpace.VmallocStart + (32UL << 40)), Kernel, ReadWrite, NoFlags, AnyNode, BareKernel.Caller);
}
