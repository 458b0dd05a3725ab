using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Per-CPU memory (mm/percpu.c) on one processor: a per-CPU pointer is a place in the one area, as the address of a static variable is
/// (an offset, until 6.15 gave them addresses), or in a chunk of vmalloc's space, whose pages get memory when they are used. Pieces lie apart,
/// and the shadow allows the bytes that were asked for.
/// </summary>
public sealed partial class PerCpuAllocator : ISnapshotState
{
    private const ulong Redzone = 16;
    private const ulong UnitSize = 2UL << 20; // one unit of PMD_SIZE for the one processor (pcpu_embed_first_chunk())

    private readonly GuestMemory _memory;
    private readonly PerCpuArea _area;
    private readonly PageAllocator _pages;
    private readonly VmallocAllocator _vmalloc;
    private readonly MemoryErrors _errors;
    private readonly PerCpuLayout _layout;
    private readonly Dictionary<ulong, ulong> _sizes = []; // by pointer, without the red zone
    private readonly List<PerCpuChunk> _chunks = []; // for alloc_percpu()
    private readonly ulong _populated, _creator;
    private PerCpuChunk _reserved; // for modules' variables
    private ulong _reservedUsed;

    /// <summary>Creates the allocator of the first chunk.</summary>
    internal PerCpuAllocator(
        GuestMemory memory, KernelImage image, PerCpuArea area, MemoryErrors errors, PageAllocator pages, VmallocAllocator vmalloc, PerCpuLayout layout)
    {
        _memory = memory;
        _area = area;
        _errors = errors;
        _pages = pages;
        _vmalloc = vmalloc;
        _layout = layout;
        image.TrySymbol("pcpu_nr_populated", out _populated);
        image.TrySymbol("pcpu_get_vm_areas", out _creator);
        var start = _area.Start - _area.Offset + layout.Static;
        var end = _area.Start - _area.Offset + layout.SizeWithRedzones;
        _reserved = new PerCpuChunk(start, end - layout.Dynamic, isPopulated: true);
        _chunks.Add(new PerCpuChunk(end - layout.Dynamic, end, isPopulated: true));
    }

    /// <summary>Asked before each allocation whether it shall fail.</summary>
    public Func<AllocationRequest, bool>? FailAllocation { get; set; }

    /// <summary>What makes room when memory is short.</summary>
    internal PageReclaim? Reclaim { get; set; }

    /// <summary>Told of a size, an alignment and a reason for which there is no place.</summary>
    internal Func<ulong, ulong, string, GuestTask>? Failed { get; set; }

    /// <summary>Poisons the part that is free, and writes the bounds that borrowed code asks for: once, at boot.</summary>
    public void Initialize(KernelImage image)
    {
        _memory.SetAccess(_area.Start + _layout.Static, _layout.SizeWithRedzones - _layout.Static, Shadow.PercpuFreed);
        if (image.TrySymbol("pcpu_base_addr", out var address))
            _memory.WriteUInt64(address, _area.Start);
        if (image.TrySymbol("pcpu_unit_size", out var size))
            _memory.WriteInt32(size, (int)UnitSize);
        if (image.TrySymbol("pcpu_unit_pages", out var pages))
            _memory.WriteInt32(pages, (int)(UnitSize >> AddressSpace.PageShift));
        if (image.TrySymbol("pcpu_nr_units", out var units))
            _memory.WriteInt32(units, 1);
        CountPopulated((int)(_layout.Size >> AddressSpace.PageShift));
    }

    /// <summary>Allocates, filled with zero.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="align">What the pointer is a multiple of.</param>
    /// <param name="isReserved">Whether it is for a module's variables.</param>
    /// <returns>The per-CPU pointer, or 0.</returns>
    public ulong Allocate(ulong size, ulong align, bool isReserved = false) => TryAllocate(size, align, isReserved, Mark.Low, out _);

    /// <summary>Frees what <see cref="Allocate"/> gave.</summary>
    public void Free(ulong pointer) => FreePointer(pointer, 0);

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_sizes.Count);
        foreach (var (pointer, size) in _sizes)
        {
            writer.Write(pointer);
            writer.Write(size);
        }

        writer.Write(_reservedUsed);
        _reserved.Save(writer);
        writer.Write(_chunks.Count);
        foreach (var chunk in _chunks)
            chunk.Save(writer);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        _sizes.Clear();
        for (var n = reader.ReadInt32(); n > 0; n--)
            _sizes.Add(reader.ReadUInt64(), reader.ReadUInt64());
        _reservedUsed = reader.ReadUInt64();
        _reserved = PerCpuChunk.Restore(reader);
        _chunks.Clear();
        for (var n = reader.ReadInt32(); n > 0; n--)
            _chunks.Add(PerCpuChunk.Restore(reader));
    }

    [KernelFunction("pcpu_alloc")]
    [KernelFunction("pcpu_alloc_noprof", Since = "6.10")]
    private GuestTask<ulong> PcpuAlloc(ulong size, ulong align, bool reserved, uint gfp, CallFrame frame)
    {
        const ulong most = 32UL << 10; // PCPU_MIN_UNIT_SIZE
        if (size == 0 || size > most || align > AddressSpace.PageSize || !System.Numerics.BitOperations.IsPow2(align))
        {
            frame.Decline(); // the image's own function warns
            return GuestTask<ulong>.FromResult(0);
        }

        var flags = (GfpFlags)gfp;
        if (FailAllocation is { } fail && fail(new AllocationRequest(AllocatorKind.PerCpu, size, flags, frame.ReturnAddress)))
            return GuestTask<ulong>.FromResult(0);
        var pointer = TryAllocate(size, align, reserved, Mark.Low, out var lack);
        return pointer != 0 || (flags & GfpFlags.Kernel) != GfpFlags.Kernel
            ? GuestTask<ulong>.FromResult(pointer)
            : MakeRoomAndAllocate(size, align, reserved, flags, lack);
    }

    private async GuestTask<ulong> MakeRoomAndAllocate(ulong size, ulong align, bool isReserved, GfpFlags gfp, Lack lack)
    {
        var passedOn = (gfp & (GfpFlags.Kernel | GfpFlags.NoRetry | GfpFlags.NoWarn)) | GfpFlags.HighMemory;
        while (lack.Pages != 0 && Reclaim is not null && await Reclaim.MakeRoom(lack.Pages, passedOn, s_toPages))
        {
            if (TryAllocate(size, align, isReserved, Mark.Min, out lack) is var pointer and not 0)
                return pointer;
        }

        if ((gfp & GfpFlags.NoWarn) == 0 && Failed is not null)
            await Failed(size, align, lack.Of);
        return 0;
    }

    private static readonly string[] s_toPages = ["pcpu_populate_chunk", "pcpu_alloc_pages", "pcpu_alloc_pages.constprop.0", .. PageReclaim.Allocators];

    private ulong TryAllocate(ulong size, ulong align, bool isReserved, Mark mark, out Lack lack)
    {
        align = Math.Max(align, sizeof(ulong));
        lack = new Lack("alloc from reserved chunk failed", 0);
        var pointer = isReserved ? TakeReserved(size, align) : TakeFromChunks(size, align, mark, out lack);
        if (pointer == 0)
            return 0;
        _sizes[pointer] = size;
        _memory.Clear(_area.Of(pointer), size);
        _memory.Allow(_area.Of(pointer), size);
        return pointer;
    }

    private ulong TakeReserved(ulong size, ulong align)
    {
        if (_reservedUsed + Rounded(size) > _layout.Reserved || !_reserved.TryTake(WithRedzone(size), align, out var pointer))
            return 0;
        _reservedUsed += Rounded(size);
        return pointer;
    }

    private ulong TakeFromChunks(ulong size, ulong align, Mark mark, out Lack lack)
    {
        lack = new Lack("failed to populate", 0);
        var length = WithRedzone(size);
        foreach (var chunk in _chunks)
        {
            if (chunk.TryTake(length, align, out var pointer))
                return Populate(chunk, pointer, length, mark, out lack) ? pointer : 0;
        }

        if (NewChunk() is { } added && added.TryTake(length, align, out var first))
            return Populate(added, first, length, mark, out lack) ? first : 0;
        lack = new Lack("failed to allocate new chunk", 0);
        return 0;
    }

    private PerCpuChunk? NewChunk()
    {
        var address = _vmalloc.AllocatePerCpuRange(UnitSize, UnitSize, _creator);
        if (address == 0)
            return null;
        _memory.SetAccess(address, UnitSize, Shadow.PercpuFreed);
        var chunk = new PerCpuChunk(address - _area.Offset, address - _area.Offset + UnitSize, isPopulated: false);
        _chunks.Add(chunk);
        return chunk;
    }

    /// <summary>Gives memory to the pages under a piece that have none, or the piece back.</summary>
    private bool Populate(PerCpuChunk chunk, ulong pointer, ulong length, Mark mark, out Lack lack)
    {
        ulong[] pages = [.. chunk.UnusedPages(pointer, length)];
        lack = new Lack("failed to populate", (ulong)pages.Length);
        if (pages.Length != 0 && !_pages.Charge((ulong)pages.Length, mark))
        {
            chunk.GiveBack(pointer, length);
            return false;
        }

        foreach (var page in pages)
            _vmalloc.Populate(_area.Of(page));
        CountPopulated(pages.Length);
        chunk.CountPieces(pointer, length, 1);
        return true;
    }

    [KernelFunction("free_percpu")]
    private void FreePercpu(ulong pointer, CallFrame frame) => FreePointer(pointer, frame.ReturnAddress);

    [KernelFunction("is_kernel_percpu_address")]
    private bool IsKernelPercpuAddress(ulong address) => address - _area.Start < _layout.Static;

    [KernelFunction("__is_kernel_percpu_address")]
    private bool IsKernelPercpuAddress(ulong address, ulong canonical)
    {
        var offset = address - _area.Start;
        if (offset >= _layout.Static)
            return false;
        if (canonical != 0)
            _memory.WriteUInt64(canonical, address);
        return true;
    }

    [KernelFunction("per_cpu_ptr_to_phys")]
    private ulong PerCpuPtrToPhys(ulong address) => AddressSpace.ToPhysical(address);

    private void FreePointer(ulong pointer, ulong caller)
    {
        if (pointer == 0)
            return;
        if (!_sizes.Remove(pointer, out var size))
        {
            _errors.ReportFree(MemoryErrorKind.InvalidFree, _area.Of(pointer), caller);
            return;
        }

        var length = WithRedzone(size);
        _memory.SetAccess(_area.Of(pointer), length, Shadow.PercpuFreed);
        if (_reserved.Contains(pointer))
        {
            _reserved.GiveBack(pointer, length);
            _reservedUsed -= Rounded(size);
            return;
        }

        var chunk = _chunks.Find(c => c.Contains(pointer))!;
        chunk.GiveBack(pointer, length);
        Depopulate(chunk, pointer, length);
        // Of those that are empty one is kept (pcpu_balance_free()).
        if (chunk.IsEmpty && chunk != _chunks[0] && _chunks.FindIndex(1, c => c.IsEmpty && c != chunk) > 0)
        {
            _chunks.Remove(chunk);
            _vmalloc.Free(_area.Of(chunk.Start));
        }
    }

    private void Depopulate(PerCpuChunk chunk, ulong pointer, ulong length)
    {
        chunk.CountPieces(pointer, length, -1);
        var pages = 0;
        foreach (var page in chunk.UnusedPages(pointer, length))
        {
            _vmalloc.Depopulate(_area.Of(page));
            pages++;
        }

        _pages.Uncharge((ulong)pages);
        CountPopulated(-pages);
    }

    /// <summary>Keeps what /proc/meminfo shows as Percpu.</summary>
    private void CountPopulated(int change)
    {
        if (_populated != 0)
            _memory.WriteInt32(_populated, _memory.ReadInt32(_populated) + change);
    }

    private static ulong Rounded(ulong size) => (size + 7) & ~7UL;

    private static ulong WithRedzone(ulong size) => Rounded(size + Redzone);

    /// <summary>Why there is no piece.</summary>
    /// <param name="Of">As Linux says it.</param>
    /// <param name="Pages">How many pages of memory would help.</param>
    private readonly record struct Lack(string Of, ulong Pages);
}
