using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Tests.Memory;

public sealed class LeakScannerTests : IDisposable
{
    private const ulong Kernel = 0xcc0, ModuleStart = AddressSpace.ModulesStart + 0x500000, ModuleEnd = ModuleStart + 0x10000;

    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void An_object_that_nothing_points_to_is_a_leak()
    {
        var leaked = Kmalloc(40);
        var leak = Assert.Single(Leaks());
        Assert.Equal(leaked, leak.Address);
        Assert.Equal(40UL, leak.Size);
        Assert.Equal(32, leak.FirstBytes.Count);
        Assert.Equal("insmod", leak.Allocated.Comm);
    }

    [Fact]
    public void An_object_that_was_freed_is_none()
    {
        _kernel.Call("kfree", Kmalloc(40));
        Assert.Empty(Leaks());
    }

    [Fact]
    public void An_object_held_by_kernel_data_is_none()
    {
        _kernel.Memory.WriteUInt64(_kernel.Image.Symbol("some_list_head"), Kmalloc(40) + 16);
        Assert.Empty(Leaks());
    }

    [Fact]
    public void An_object_held_by_a_per_cpu_variable_is_none()
    {
        _kernel.Memory.WriteUInt64(BareKernel.PerCpuStart + 0x4000, Kmalloc(40));
        Assert.Empty(Leaks());
    }

    [Fact]
    public void An_object_held_through_others_is_none()
    {
        var (first, second) = (Kmalloc(64), _kernel.CallFrom(FakeImage.Text + 0x100, "__kmalloc", 64, Kernel));
        _kernel.Memory.WriteUInt64(_kernel.Image.Symbol("some_list_head"), second);
        _kernel.Memory.WriteUInt64(second + 8, first);
        Assert.Empty(Leaks());
    }

    [Fact]
    public void A_ring_of_objects_is_leaked_whole()
    {
        var (first, second) = (Kmalloc(64), Kmalloc(64));
        _kernel.Memory.WriteUInt64(first, second);
        _kernel.Memory.WriteUInt64(second, first);
        Assert.Equal([first, second], Leaks().Select(l => l.Address).Order());
    }

    [Fact]
    public void What_others_allocated_is_not_asked_for()
    {
        _kernel.CallFrom(FakeImage.Text + 0x100, "__kmalloc", 64, Kernel);
        Assert.Empty(Leaks());
    }

    [Fact]
    public void What_was_allocated_before_the_mark_is_not_asked_for()
    {
        Kmalloc(40);
        var mark = _kernel.Kernel.Leaks.Mark();
        var later = Kmalloc(40);
        Assert.Equal(later, Assert.Single(_kernel.Kernel.Leaks.FindLeaks(mark, [new(ModuleStart, ModuleEnd)])).Address);
    }

    [Fact]
    public void A_vmalloc_area_can_leak_too()
    {
        var address = _kernel.Call("__vmalloc_node_range", 9000, 1, AddressSpace.VmallocStart, AddressSpace.VmallocEnd, Kernel, 0, 0, 0, BareKernel.Caller);
        Assert.Equal(address, Assert.Single(Leaks()).Address);
        _kernel.Memory.WriteUInt64(_kernel.Image.Symbol("some_list_head"), address + 100);
        Assert.Empty(Leaks());
    }

    private ulong Kmalloc(ulong size) => _kernel.Call("__kmalloc", size, Kernel);

    private IReadOnlyList<Sanitizer.LeakedObject> Leaks() => _kernel.Kernel.Leaks.FindLeaks(0, [new(ModuleStart, ModuleEnd)]);
}
