using Lkm.Kernel.Boot;
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
        var free = _kernel.Kernel.Pages.FreePageCount;
        var pieces = Enumerable.Range(0, 30_000).Select(_ => Allocate((ulong)random.Next(1, 300), 8)).ToArray(); // more than a chunk's
        Assert.InRange(Chunks(), 2, 4);
        Assert.Equal(pieces.Length, pieces.Distinct().Count());
        random.Shuffle(pieces);
        foreach (var piece in pieces)
            _kernel.Call("free_percpu", piece);
        Assert.Equal(1, Chunks()); // one that is empty is kept, without memory
        Assert.InRange(_kernel.Kernel.Pages.FreePageCount, free - 8, free);
        foreach (var _ in Enumerable.Range(0, 64))
            Assert.NotEqual(0UL, Allocate(32 << 10, 4096));
        Assert.Empty(_kernel.Reports);
    }

    [Fact]
    public void Chunks_have_memory_where_there_are_pieces()
    {
        var pieces = Enumerable.Range(0, 4).Select(_ => Allocate(32 << 10, 8)).ToArray(); // the first chunk has less than 32 KiB
        Assert.Equal(1, Chunks());
        Assert.All(pieces, piece => Assert.InRange(Address(piece), AddressSpace.VmallocStart, AddressSpace.VmallocEnd - (32 << 10)));
        var free = _kernel.Kernel.Pages.FreePageCount;
        _kernel.Call("free_percpu", pieces[3]);
        Assert.InRange(_kernel.Kernel.Pages.FreePageCount - free, 8UL, 9UL);
        var page = AddressSpace.ToStructPage(Address(pieces[0]));
        Assert.Equal(page, _kernel.Call("vmalloc_to_page", Address(pieces[0])));
    }

    /// <summary>PCPU_MIN_UNIT_SIZE is the most for one piece; how many there are is for memory to say.</summary>
    [Fact]
    public void Memory_is_the_limit()
    {
        const ulong piece = 32 << 10;
        Assert.Equal(0UL, Allocate(piece + 1, 8));
        var free = _kernel.Kernel.Pages.FreePageCount << AddressSpace.PageShift;
        ulong pieces = 0;
        while (Allocate(piece, 8) != 0)
            pieces++;
        Assert.InRange(pieces, free * 8 / 10 / piece, free / piece);
    }

    [Fact]
    public void Variables_of_modules_have_a_part_of_their_own()
    {
        var most = PerCpuLayout.Of(_kernel.Image).Reserved;
        ulong taken = 0;
        for (; Reserve(1024) != 0; taken += 1024)
            Assert.True(taken < most);
        Assert.Equal(most, taken);
        Assert.NotEqual(0UL, Allocate(1024, 8));
        Assert.Equal(0, Chunks());
    }

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
        var more = Enumerable.Range(0, 3).Select(_ => Allocate(32 << 10, 8)).ToArray();
        using var file = new MemoryStream();
        _kernel.Kernel.PerCpu.Save(new BinaryWriter(file));
        var other = new PerCpuAllocator(
            _kernel.Memory, _kernel.Image, _kernel.PerCpu, _kernel.Kernel.Errors, _kernel.Kernel.Pages, _kernel.Kernel.Vmalloc, PerCpuLayout.Of(_kernel.Image));
        file.Position = 0;
        other.Restore(new BinaryReader(file));
        var fresh = other.Allocate(64, 8);
        Assert.NotEqual(kept, fresh);
        Assert.DoesNotContain(other.Allocate(32 << 10, 8), more);
        var free = _kernel.Kernel.Pages.FreePageCount;
        foreach (var pointer in (ulong[])[kept, fresh, .. more])
            other.Free(pointer);
        Assert.InRange(_kernel.Kernel.Pages.FreePageCount - free, 16UL, 25UL); // the one of 32 KiB that is left lies between
        Assert.Empty(_kernel.Reports);
    }

    private ulong Address(ulong pointer) => _kernel.PerCpu.Of(pointer);

    private int Chunks() => _kernel.Kernel.Vmalloc.Areas().Count(area => area.Pages == 512);

    private ulong Reserve(ulong size) => _kernel.Call("pcpu_alloc", size, 8, 1, 0xcc0);

    private ulong Allocate(ulong size, ulong align) => _kernel.Call("pcpu_alloc", size, align, 0, 0xcc0);
}
