using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Memory;

/// <summary>
/// A stretch of per-CPU pointers that pieces are taken from (struct pcpu_chunk, mm/percpu-internal.h): the first that fits. Pages of it have memory
/// as long as a piece lies on them; those of the first chunk always have.
/// </summary>
internal sealed class PerCpuChunk
{
    private readonly List<FreeRange> _free = []; // by address, never adjacent
    private readonly ushort[]? _piecesOnPage;
    private ulong _tooLarge = ulong.MaxValue; // no piece of this size was found since the last one was given back

    /// <summary>Creates an empty chunk.</summary>
    /// <param name="start">The first per-CPU pointer.</param>
    /// <param name="end">The pointer after the last.</param>
    /// <param name="isPopulated">Whether all of its pages have memory for good.</param>
    public PerCpuChunk(ulong start, ulong end, bool isPopulated)
    {
        (Start, End) = (start, end);
        _piecesOnPage = isPopulated ? null : new ushort[(end - start) >> AddressSpace.PageShift];
        _free.Add(new FreeRange(start, end));
    }

    /// <summary>The first per-CPU pointer.</summary>
    public ulong Start { get; }

    /// <summary>The pointer after the last.</summary>
    public ulong End { get; }

    /// <summary>Whether nothing is taken.</summary>
    public bool IsEmpty => _free.Count == 1 && _free[0] == new FreeRange(Start, End);

    /// <summary>Whether a pointer lies here.</summary>
    public bool Contains(ulong pointer) => pointer - Start < End - Start;

    /// <summary>Finds a piece and takes it.</summary>
    /// <param name="size">Bytes, a multiple of 8, with what is to lie behind.</param>
    /// <param name="align">What its pointer is a multiple of.</param>
    /// <param name="pointer">Its start.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(ulong size, ulong align, out ulong pointer)
    {
        pointer = 0;
        if (size >= _tooLarge)
            return false;
        for (var i = 0; i < _free.Count; i++)
        {
            var (start, end) = _free[i];
            pointer = (start + align - 1) / align * align;
            var next = pointer + size;
            if (next > end)
                continue;
            _free.RemoveAt(i);
            if (next < end)
                _free.Insert(i, new FreeRange(next, end));
            if (pointer > start)
                _free.Insert(i, new FreeRange(start, pointer));
            return true;
        }

        if (align <= sizeof(ulong))
            _tooLarge = size;
        return false;
    }

    /// <summary>Gives a piece back.</summary>
    public void GiveBack(ulong pointer, ulong size)
    {
        _tooLarge = ulong.MaxValue;
        var (start, end) = (pointer, pointer + size);
        var at = _free.FindIndex(range => range.Start >= end);
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

    /// <summary>The pages that no piece lies on, of those that a range touches: what is to get memory, or to lose it.</summary>
    /// <returns>Their first per-CPU pointers.</returns>
    public IEnumerable<ulong> UnusedPages(ulong pointer, ulong size)
    {
        if (_piecesOnPage is null)
            yield break;
        for (var page = PageOf(pointer); page <= PageOf(pointer + size - 1); page++)
        {
            if (_piecesOnPage[page] == 0)
                yield return Start + ((ulong)page << AddressSpace.PageShift);
        }
    }

    /// <summary>Notes on the pages that a range touches that a piece lies there, or that it does no more.</summary>
    public void CountPieces(ulong pointer, ulong size, int change)
    {
        if (_piecesOnPage is null)
            return;
        for (var page = PageOf(pointer); page <= PageOf(pointer + size - 1); page++)
            _piecesOnPage[page] = (ushort)(_piecesOnPage[page] + change);
    }

    /// <summary>Writes what a snapshot needs.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Start);
        writer.Write(End);
        writer.Write(_piecesOnPage is null);
        writer.Write(_free.Count);
        foreach (var (start, end) in _free)
        {
            writer.Write(start);
            writer.Write(end);
        }

        foreach (var pieces in _piecesOnPage ?? [])
            writer.Write(pieces);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static PerCpuChunk Restore(BinaryReader reader)
    {
        var (start, end) = (reader.ReadUInt64(), reader.ReadUInt64());
        var chunk = new PerCpuChunk(start, end, isPopulated: reader.ReadBoolean());
        chunk._free.Clear();
        for (var n = reader.ReadInt32(); n > 0; n--)
            chunk._free.Add(new FreeRange(reader.ReadUInt64(), reader.ReadUInt64()));
        foreach (ref var pieces in chunk._piecesOnPage.AsSpan())
            pieces = reader.ReadUInt16();
        return chunk;
    }

    private int PageOf(ulong pointer) => (int)((pointer - Start) >> AddressSpace.PageShift);

    private sealed record FreeRange(ulong Start, ulong End); // a list of references needs no code of its own at the start of a run
}
