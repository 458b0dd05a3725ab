using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Lkm.Formats.Kallsyms;

/// <summary>Makes a <see cref="SymbolTable"/> from symbols in ascending order of address.</summary>
public sealed class SymbolTableBuilder
{
    private const int TypicalNameLength = 24;

    private readonly List<ulong> _addresses;
    private readonly List<uint> _offsets;
    private readonly List<byte> _types;
    private byte[] _names;
    private int _namesLength;

    /// <summary>Makes a builder.</summary>
    /// <param name="capacity">Expected number of symbols.</param>
    public SymbolTableBuilder(int capacity = 0)
    {
        _addresses = new List<ulong>(capacity);
        _offsets = new List<uint>(capacity + 1);
        _types = new List<byte>(capacity);
        _names = new byte[Math.Max(64, capacity * TypicalNameLength)];
    }

    /// <summary>Adds a symbol behind those that were added.</summary>
    /// <param name="address">Its address, not below that of the symbol before.</param>
    /// <param name="type">Its type as nm(1) prints it.</param>
    /// <param name="name">Its name, of 511 bytes at most.</param>
    /// <exception cref="ArgumentException">The address descends.</exception>
    public void Add(ulong address, byte type, ReadOnlySpan<byte> name)
    {
        if (_addresses.Count > 0 && address < _addresses[^1])
            throw new ArgumentException("symbols must ascend", nameof(address));
        if (_names.Length - _namesLength < name.Length)
            Array.Resize(ref _names, _names.Length * 2 + name.Length);
        _addresses.Add(address);
        _types.Add(type);
        _offsets.Add((uint)_namesLength);
        name.CopyTo(_names.AsSpan(_namesLength));
        _namesLength += name.Length;
    }

    /// <summary>The table of all that was added.</summary>
    public SymbolTable Build()
    {
        int count = _addresses.Count;
        int buckets = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, count));
        byte[] blob = GC.AllocateUninitializedArray<byte>(SymbolTable.HeaderSize + count * 17 + 4 + buckets * 4 + _namesLength);
        BinaryPrimitives.WriteUInt64LittleEndian(blob, SymbolTable.Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(blob.AsSpan(8), (uint)count);
        BinaryPrimitives.WriteUInt32LittleEndian(blob.AsSpan(12), (uint)buckets);
        BinaryPrimitives.WriteUInt64LittleEndian(blob.AsSpan(16), (ulong)_namesLength);

        int at = SymbolTable.HeaderSize;
        CollectionsMarshal.AsSpan(_addresses).CopyTo(Take<ulong>(blob, ref at, count));
        Span<uint> offsets = Take<uint>(blob, ref at, count + 1);
        CollectionsMarshal.AsSpan(_offsets).CopyTo(offsets);
        offsets[count] = (uint)_namesLength;

        Span<uint> heads = Take<uint>(blob, ref at, buckets);
        Span<uint> links = Take<uint>(blob, ref at, count);
        heads.Clear();
        for (int i = count - 1; i >= 0; i--)
        {
            ref uint head = ref heads[(int)(NameHash.Of(_names.AsSpan((int)offsets[i]..(int)offsets[i + 1])) & (uint)(buckets - 1))];
            links[i] = head;
            head = (uint)i + 1;
        }

        CollectionsMarshal.AsSpan(_types).CopyTo(Take<byte>(blob, ref at, count));
        _names.AsSpan(0, _namesLength).CopyTo(blob.AsSpan(at));
        return SymbolTable.Open(blob).Value;
    }

    private static Span<T> Take<T>(byte[] blob, ref int at, int count) where T : unmanaged
    {
        Span<T> part = MemoryMarshal.Cast<byte, T>(blob.AsSpan(at))[..count];
        at += MemoryMarshal.AsBytes(part).Length;
        return part;
    }
}
