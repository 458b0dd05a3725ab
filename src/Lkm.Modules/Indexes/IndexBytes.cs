using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// The bytes of an index, of which a lookup touches a few in a million: of a file, only the blocks that are asked for are read. The rest of the array
/// is never written, so that it takes no memory either.
/// </summary>
internal sealed class IndexBytes : IDisposable
{
    private const int BlockSize = 4096;

    private readonly SmallFile _file;
    private readonly bool[]? _present; // by block; null if all of them are
    private bool _isClosed;

    /// <summary>Bytes that are in memory.</summary>
    public IndexBytes(byte[] bytes)
    {
        Array = bytes;
        GC.SuppressFinalize(this);
    }

    private IndexBytes(SmallFile file, int size)
    {
        _file = file;
        Array = GC.AllocateUninitializedArray<byte>(size);
        _present = new bool[(size + BlockSize - 1) / BlockSize];
    }

    ~IndexBytes() => Close();

    /// <summary>All bytes; those that <see cref="Need"/> was not asked for have no meaning.</summary>
    public byte[] Array { get; }

    /// <summary>Takes over an open file; null if it has no size or too great a one.</summary>
    public static IndexBytes? Over(SmallFile file) => file.Size is >= 0 and <= int.MaxValue / 2 and var size ? new(file, (int)size) : null;

    /// <summary>Makes sure that a part of the file is there, as far as the file goes.</summary>
    /// <returns>False if it can't be read: the file became shorter.</returns>
    public bool Need(int at, int count)
    {
        if (_present is null || count <= 0)
        {
            return true;
        }
        var end = Math.Min((long)at + count, Array.Length);
        for (var block = at / BlockSize; (long)block * BlockSize < end; block++)
        {
            if (!_present[block])
            {
                var start = block * BlockSize;
                if (_isClosed || !_file.ReadPart(Array, start, Math.Min(BlockSize, Array.Length - start)))
                {
                    return false;
                }
                _present[block] = true;
            }
        }
        return true;
    }

    /// <summary>The length of the string that begins there, which ends at a NUL; -1 if the file ends before.</summary>
    public int StringLength(int at)
    {
        for (var i = at; i < Array.Length; i++)
        {
            if ((i == at || i % BlockSize == 0) && !Need(i, 1))
            {
                return -1;
            }
            if (Array[i] == 0)
            {
                return i - at;
            }
        }
        return -1;
    }

    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private void Close()
    {
        if (_present is not null && !_isClosed)
        {
            _isClosed = true;
            _file.Dispose();
        }
    }
}
