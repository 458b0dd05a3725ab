using System.Buffers;

namespace Lkm.Machine;

/// <summary>A file's bytes, mapped for reading as long as the program runs: a page costs something only when it is looked at.</summary>
public sealed unsafe class MappedFile : MemoryManager<byte>
{
    private readonly byte* _start;
    private readonly int _length;

    private MappedFile(byte* start, int length)
    {
        _start = start;
        _length = length;
    }

    /// <summary>Maps a file of at most 2 GiB.</summary>
    /// <exception cref="IOException">It cannot be opened or mapped.</exception>
    public static ReadOnlyMemory<byte> Open(string path)
    {
        using var file = HostMemory.Open(path);
        var length = checked((int)RandomAccess.GetLength(file));
        if (length == 0)
            return default;
        var start = HostMemory.Map(null, (ulong)length, HostMemory.MapPrivate, (int)file.DangerousGetHandle(), 0);
        return new MappedFile(start, length).Memory;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_start, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

    /// <inheritdoc/>
    public override void Unpin()
    {
        // Nothing moves.
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => HostMemory.Unmap(_start, (ulong)_length);
}
