using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Lkm.Formats.Kallsyms;

/// <summary>
/// A kernel's symbols in one flat block of bytes, which is also its file format: opening it costs nothing, so a table decoded
/// once can be kept and mapped. Symbols are numbered in ascending order of address.
/// </summary>
/// <remarks>
/// Layout, little-endian: magic, count n, bucket count b (a power of two), size of names in bytes; then n addresses (u64), n
/// + 1 offsets of names (u32), b heads of hash chains (u32, symbol number + 1), n links of hash chains (u32, the same), n
/// types (u8), names.
/// </remarks>
public sealed class SymbolTable
{
    /// <summary>KSYM_NAME_LEN since Linux 6.1, less the final NUL.</summary>
    internal const int MaxNameLength = 511;

    internal const int HeaderSize = 24;
    internal const ulong Magic = 0x31_6d_79_73_6d_6b_6c_7f; // "\x7flkmsym1"

    private readonly ReadOnlyMemory<byte> _blob;
    private readonly int _buckets, _offsetsAt, _headsAt, _linksAt, _typesAt, _namesAt;

    private SymbolTable(ReadOnlyMemory<byte> blob, int count, int buckets)
    {
        _blob = blob;
        _buckets = buckets;
        Count = count;
        _offsetsAt = HeaderSize + count * 8;
        _headsAt = _offsetsAt + (count + 1) * 4;
        _linksAt = _headsAt + buckets * 4;
        _typesAt = _linksAt + count * 4;
        _namesAt = _typesAt + count;
    }

    /// <summary>Number of symbols.</summary>
    public int Count { get; }

    /// <summary>The whole table, to be kept and opened again with <see cref="Open"/>.</summary>
    public ReadOnlyMemory<byte> Blob => _blob;

    /// <summary>
    /// All addresses, ascending. Per-CPU symbols of kernels before 6.15 come first, as offsets into the per-CPU area.
    /// </summary>
    public ReadOnlySpan<ulong> Addresses => MemoryMarshal.Cast<byte, ulong>(_blob.Span[HeaderSize.._offsetsAt]);

    /// <summary>Opens a table that was kept.</summary>
    /// <param name="blob">What <see cref="Blob"/> gave; it must not change while the table is in use.</param>
    /// <param name="file">Name for error messages.</param>
    public static Result<SymbolTable> Open(ReadOnlyMemory<byte> blob, string? file = null)
    {
        if (blob.Length < HeaderSize || BinaryPrimitives.ReadUInt64LittleEndian(blob.Span) != Magic)
            return new FormatError(file, 0, "not a symbol table of lkm", Errno.EINVAL);
        ReadOnlySpan<byte> header = blob.Span;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        uint buckets = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        ulong namesSize = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        ulong size = HeaderSize + (count * 17UL) + 4 + (buckets * 4UL) + namesSize;
        if (buckets == 0 || (buckets & (buckets - 1)) != 0 || namesSize > (ulong)blob.Length || size != (ulong)blob.Length)
            return new FormatError(file, 8, $"symbol table has {blob.Length} bytes, and its header announces {size}", Errno.EINVAL);
        return new SymbolTable(blob, (int)count, (int)buckets);
    }

    /// <summary>Address of a symbol.</summary>
    public ulong Address(int index) => Addresses[index];

    /// <summary>Type of a symbol as nm(1) and /proc/kallsyms print it: T for global text, d for local data ...</summary>
    public char Type(int index) => (char)_blob.Span.Slice(_typesAt, Count)[index];

    /// <summary>Name of a symbol as bytes.</summary>
    public ReadOnlySpan<byte> NameUtf8(int index)
    {
        ReadOnlySpan<uint> offsets = Words(_offsetsAt, Count + 1);
        ReadOnlySpan<byte> names = _blob.Span[_namesAt..];
        (uint start, uint end) = (offsets[index], offsets[index + 1]);

        // False only in a damaged table, which then lacks a name.
        return start <= end && end <= (uint)names.Length ? names[(int)start..(int)end] : default;
    }

    /// <summary>Name of a symbol.</summary>
    public string Name(int index) => Encoding.UTF8.GetString(NameUtf8(index));

    /// <summary>The first symbol of this name, or -1. Names of static symbols may repeat: see <see cref="FindNext"/>.</summary>
    public int Find(ReadOnlySpan<byte> name) =>
        Follow((int)Words(_headsAt, _buckets)[(int)(NameHash.Of(name) & (uint)(_buckets - 1))] - 1, name);

    /// <summary>The first symbol of this name, or -1.</summary>
    public int Find(string name)
    {
        Span<byte> utf8 = stackalloc byte[MaxNameLength * 3];
        return name.Length <= MaxNameLength ? Find(utf8[..Encoding.UTF8.GetBytes(name, utf8)]) : -1;
    }

    /// <summary>The next symbol with the same name as this one, in order of address, or -1.</summary>
    public int FindNext(int index) => Follow(Next(index), NameUtf8(index));

    /// <summary>Address of the first symbol of this name.</summary>
    public bool TryGetAddress(ReadOnlySpan<byte> name, out ulong address)
    {
        int index = Find(name);
        address = index < 0 ? 0 : Address(index);
        return index >= 0;
    }

    /// <summary>Address of the first symbol of this name.</summary>
    public bool TryGetAddress(string name, out ulong address)
    {
        int index = Find(name);
        address = index < 0 ? 0 : Address(index);
        return index >= 0;
    }

    /// <summary>
    /// The symbol that an address belongs to: the nearest one at or before it, and of several at that place the first (as
    /// get_symbol_pos() of kernel/kallsyms.c). False when the address lies before all symbols.
    /// </summary>
    /// <param name="address">The address.</param>
    /// <param name="index">The symbol.</param>
    /// <param name="offset">Bytes from the symbol to the address.</param>
    public bool TryFindByAddress(ulong address, out int index, out ulong offset)
    {
        ReadOnlySpan<ulong> addresses = Addresses;
        int at = addresses.BinarySearch(address);
        if (at < 0)
            at = ~at - 1;
        while (at > 0 && addresses[at - 1] == addresses[at])
            at--;
        index = at;
        offset = at < 0 ? 0 : address - addresses[at];
        return at >= 0;
    }

    /// <summary>Bytes from a symbol to the next one at another address; 0 for the last.</summary>
    public ulong Size(int index)
    {
        ReadOnlySpan<ulong> addresses = Addresses;
        int next = index + 1;
        while (next < addresses.Length && addresses[next] == addresses[index])
            next++;
        return next < addresses.Length ? addresses[next] - addresses[index] : 0;
    }

    private int Follow(int index, ReadOnlySpan<byte> name)
    {
        while ((uint)index < (uint)Count && !NameUtf8(index).SequenceEqual(name))
            index = Next(index);
        return (uint)index < (uint)Count ? index : -1;
    }

    /// <summary>The next symbol of a hash chain, or -1. Chains ascend, so that a damaged table cannot lead in circles.</summary>
    private int Next(int index)
    {
        int next = (int)Words(_linksAt, Count)[index] - 1;
        return next > index ? next : -1;
    }

    private ReadOnlySpan<uint> Words(int at, int count) => MemoryMarshal.Cast<byte, uint>(_blob.Span.Slice(at, count * 4));
}
