using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Per-CPU memory (mm/percpu.c) on one processor: a per-CPU pointer is a place in the one area, as the address of a static variable is
/// (an offset, until 6.15 gave them addresses), behind the image's own variables. Pieces lie apart, and the shadow allows the bytes that
/// were asked for.
/// </summary>
public sealed partial class PerCpuAllocator : ISnapshotState
{
    private const ulong Redzone = 16;

    private readonly GuestMemory _memory;
    private readonly PerCpuArea _area;
    private readonly MemoryErrors _errors;
    private readonly Dictionary<ulong, ulong> _sizes = []; // by pointer, without the red zone
    private readonly List<FreeRange> _free = []; // by address, never adjacent
    private readonly ulong _staticSize, _populated;
    private ulong _used;

    /// <summary>Creates the allocator of a part of the area.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel image.</param>
    /// <param name="area">The per-CPU area.</param>
    /// <param name="errors">Who hears of wrong frees.</param>
    /// <param name="start">The first per-CPU pointer that may be given out: behind the static variables, __per_cpu_end.</param>
    /// <param name="end">The pointer after the last.</param>
    public PerCpuAllocator(GuestMemory memory, KernelImage image, PerCpuArea area, MemoryErrors errors, ulong start, ulong end)
    {
        _memory = memory;
        _area = area;
        _errors = errors;
        _staticSize = image.Symbol("__per_cpu_end") - image.Symbol("__per_cpu_start");
        image.TrySymbol("pcpu_nr_populated", out _populated);
        start = (start + Redzone - 1) & ~(Redzone - 1);
        _free.Add(new FreeRange(start, end));
        Start = start;
        End = end;
    }

    /// <summary>The first pointer that may be given out.</summary>
    public ulong Start { get; }

    /// <summary>The pointer after the last.</summary>
    public ulong End { get; }

    /// <summary>Asked before each allocation whether it shall fail.</summary>
    public Func<AllocationRequest, bool>? FailAllocation { get; set; }

    /// <summary>Poisons the part that is free, and writes the bounds that borrowed code asks for: once, at boot.</summary>
    public void Initialize(KernelImage image)
    {
        _memory.SetAccess(_area.Of(Start), End - Start, Shadow.PercpuFreed);
        if (image.TrySymbol("pcpu_base_addr", out var address))
            _memory.WriteUInt64(address, _area.Start);
        var unit = _area.Of(End) - _area.Start;
        if (image.TrySymbol("pcpu_unit_size", out var size))
            _memory.WriteInt32(size, (int)unit);
        if (image.TrySymbol("pcpu_unit_pages", out var pages))
            _memory.WriteInt32(pages, (int)(unit >> AddressSpace.PageShift));
        if (image.TrySymbol("pcpu_nr_units", out var units))
            _memory.WriteInt32(units, 1);
        Count(0);
    }

    /// <summary>Allocates, filled with zero.</summary>
    /// <returns>The per-CPU pointer, or 0.</returns>
    public ulong Allocate(ulong size, ulong align)
    {
        if (size == 0 || align == 0)
            return 0;
        align = Math.Max(align, 8);
        for (var i = 0; i < _free.Count; i++)
        {
            var (start, end) = _free[i];
            var offset = (start + align - 1) / align * align;
            var next = (offset + size + Redzone + 7) & ~7UL;
            if (next > end)
                continue;
            _free.RemoveAt(i);
            if (next < end)
                _free.Insert(i, new FreeRange(next, end));
            if (offset > start)
                _free.Insert(i, new FreeRange(start, offset));
            _sizes[offset] = size;
            Count(size);
            _memory.Clear(_area.Of(offset), size);
            _memory.Allow(_area.Of(offset), size);
            return offset;
        }

        return 0;
    }

    /// <summary>Frees what <see cref="Allocate"/> gave.</summary>
    public void Free(ulong pointer) => FreePointer(pointer, 0);

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_sizes.Count);
        foreach (var (offset, size) in _sizes)
        {
            writer.Write(offset);
            writer.Write(size);
        }

        writer.Write(_free.Count);
        foreach (var (start, end) in _free)
        {
            writer.Write(start);
            writer.Write(end);
        }
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        _sizes.Clear();
        _used = 0;
        for (var n = reader.ReadInt32(); n > 0; n--)
        {
            var (pointer, size) = (reader.ReadUInt64(), reader.ReadUInt64());
            _sizes.Add(pointer, size);
            _used += size;
        }

        _free.Clear();
        for (var n = reader.ReadInt32(); n > 0; n--)
            _free.Add(new FreeRange(reader.ReadUInt64(), reader.ReadUInt64()));
    }

    /// <summary>The reserved part of the area, for modules' static variables, is not kept apart here.</summary>
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

        if (FailAllocation is { } fail && fail(new AllocationRequest(AllocatorKind.PerCpu, size, (GfpFlags)gfp, frame.ReturnAddress)))
            return GuestTask<ulong>.FromResult(0);
        var isAtomic = ((GfpFlags)gfp & GfpFlags.Kernel) != GfpFlags.Kernel;
        var pointer = Allocate(size, align);
        return pointer != 0 || isAtomic || ((GfpFlags)gfp & GfpFlags.NoWarn) != 0 || Failed is not { } failed
            ? GuestTask<ulong>.FromResult(pointer)
            : Fail(failed(size, align));
    }

    private static async GuestTask<ulong> Fail(GuestTask warning)
    {
        await warning;
        return 0;
    }

    /// <summary>Told of a size and an alignment for which there is no place.</summary>
    internal Func<ulong, ulong, GuestTask>? Failed { get; set; }

    [KernelFunction("free_percpu")]
    private void FreePercpu(ulong pointer, CallFrame frame) => FreePointer(pointer, frame.ReturnAddress);

    [KernelFunction("is_kernel_percpu_address")]
    private bool IsKernelPercpuAddress(ulong address) => address - _area.Start < _staticSize;

    [KernelFunction("__is_kernel_percpu_address")]
    private bool IsKernelPercpuAddress(ulong address, ulong canonical)
    {
        var offset = address - _area.Start;
        if (offset >= _staticSize)
            return false;
        if (canonical != 0)
            _memory.WriteUInt64(canonical, address);
        return true;
    }

    [KernelFunction("per_cpu_ptr_to_phys")]
    private ulong PerCpuPtrToPhys(ulong address) => AddressSpace.ToPhysical(address);

    /// <summary>Keeps what /proc/meminfo shows as Percpu.</summary>
    private void Count(ulong change)
    {
        _used += change;
        if (_populated != 0)
            _memory.WriteInt32(_populated, (int)(AddressSpace.PageAlign(_staticSize + _used) >> AddressSpace.PageShift));
    }

    private void FreePointer(ulong pointer, ulong caller)
    {
        if (pointer == 0)
            return;
        if (!_sizes.Remove(pointer, out var size))
        {
            _errors.ReportFree(MemoryErrorKind.InvalidFree, _area.Of(pointer), caller);
            return;
        }

        Count(0 - size);
        var (start, end) = (pointer, (pointer + size + Redzone + 7) & ~7UL);
        _memory.SetAccess(_area.Of(start), end - start, Shadow.PercpuFreed);
        var at = _free.FindIndex(r => r.Start >= end);
        if (at < 0)
            at = _free.Count;
        if (at < _free.Count && _free[at].Start == end)
        {
            end = _free[at].End;
            _free.RemoveAt(at);
        }

        if (at > 0 && _free[at - 1].End == start)
        {
            start = _free[--at].Start;
            _free.RemoveAt(at);
        }

        _free.Insert(at, new FreeRange(start, end));
    }

    private sealed record FreeRange(ulong Start, ulong End);
}
