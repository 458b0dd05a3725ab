using Lkm.Kernel.Memory;
using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Tests.Memory;

public sealed class PerCpuAllocatorTests : IDisposable
{
    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(24, 8)]
    [InlineData(100, 64)]
    [InlineData(5000, 4096)]
    public void Exactly_the_bytes_asked_for_may_be_used(ulong size, ulong align)
    {
        var pointer = Allocate(size, align);
        var address = BareKernel.PerCpuStart + pointer;
        Assert.Equal(0UL, pointer % align);
        Assert.True(_kernel.CanWrite(address, size));
        Assert.False(_kernel.CanRead(address + size, 1));
    }

    [Fact]
    public void Pieces_come_back_zeroed()
    {
        var before = Allocate(64, 8);
        _kernel.Memory.Span(BareKernel.PerCpuStart + before, 64).Fill(1);
        _kernel.Call("free_percpu", before);
        Assert.False(_kernel.CanRead(BareKernel.PerCpuStart + before, 1));
        Assert.Equal(before, Allocate(64, 8));
        Assert.False(_kernel.Memory.Span(BareKernel.PerCpuStart + before, 64).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Everything_that_was_freed_is_one_piece_again()
    {
        var random = new System.Random(3);
        var pieces = Enumerable.Range(0, 500).Select(_ => Allocate((ulong)random.Next(1, 300), 8)).ToArray();
        random.Shuffle(pieces);
        foreach (var piece in pieces)
            _kernel.Call("free_percpu", piece);
        Assert.NotEqual(0UL, _kernel.Kernel.PerCpu.Allocate(_kernel.Kernel.PerCpu.End - _kernel.Kernel.PerCpu.Start - 64, 8));
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void What_is_used_up_gives_null() => Assert.Equal(0UL, Allocate(BareKernel.PerCpuSize, 8));

    [Fact]
    public void A_wrong_free_is_reported()
    {
        _kernel.Call("free_percpu", Allocate(64, 8) + 8);
        Assert.Equal(MemoryErrorKind.InvalidFree, Assert.Single(_kernel.Reports).Kind);
    }

    [Fact]
    public void State_survives_a_snapshot()
    {
        var kept = Allocate(64, 8);
        using var file = new MemoryStream();
        _kernel.Kernel.PerCpu.Save(new BinaryWriter(file));
        var other = new PerCpuAllocator(_kernel.Memory, _kernel.Image, _kernel.PerCpu, _kernel.Kernel.Errors, 0x8000, BareKernel.PerCpuSize);
        file.Position = 0;
        other.Restore(new BinaryReader(file));
        Assert.NotEqual(kept, other.Allocate(64, 8));
        other.Free(kept);
        Assert.Empty(_kernel.Reports);
    }

    private ulong Allocate(ulong size, ulong align) => _kernel.Call("pcpu_alloc", size, align, 0, 0xcc0);
}
