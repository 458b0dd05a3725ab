using System.Buffers.Binary;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// Reads only those parts of a plain ELF file that a tool looks at, each to its place. Code, relocations and debug information, which are most of a
/// module, stay on the disk.
/// </summary>
/// <remarks>The rest of the array keeps what it held before; sections there are never asked for. Files of another form are left to be read whole.</remarks>
/// <param name="file">The file.</param>
/// <param name="bytes">An array that has room for all of it.</param>
/// <param name="size">The file's size in bytes.</param>
internal sealed class ElfParts(SmallFile file, byte[] bytes, int size)
{
    private const int HeaderSize = 64;
    private const uint ProgramData = 1, SymbolTable = 2, StringTable = 3, Note = 7;
    private const ulong Write = 1, Allocated = 2, Executable = 4;

    /// <summary>A gap that is cheaper to read than to leave out, in bytes.</summary>
    private const int SmallGap = 8192;

    private int _table;
    private int _count;

    /// <summary>Reads the header and the section headers.</summary>
    /// <returns>False if the file has not the form that this knows: a 64-bit little-endian ELF file.</returns>
    public bool ReadHeaders()
    {
        if (size < HeaderSize || !file.ReadPart(bytes, 0, HeaderSize) || !bytes.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8))
        {
            return false;
        }
        var table = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(40));
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(58));
        _count = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(60));
        if (entrySize != HeaderSize || table > (ulong)size || (ulong)size - table < (ulong)(_count * entrySize))
        {
            return false;
        }
        _table = (int)table;
        return file.ReadPart(bytes, _table, _count * entrySize);
    }

    /// <summary>Reads what depmod looks at: symbols, strings and read-only data.</summary>
    /// <returns>False if the file became shorter.</returns>
    public bool ReadForDepmod()
    {
        int start = 0, end = 0;
        for (var i = 0; i < _count; i++)
        {
            if (!HasSymbolsOrData(Header(i)) || !Place(i, out var offset, out var length))
            {
                continue;
            }
            // Sections that lie close together, as they mostly do, are one read.
            if (offset >= start && offset - end <= SmallGap && end > 0)
            {
                end = Math.Max(end, offset + length);
                continue;
            }
            if (!file.ReadPart(bytes, start, end - start))
            {
                return false;
            }
            (start, end) = (offset, offset + length);
        }
        return file.ReadPart(bytes, start, end - start);
    }

    /// <summary>Reads what modinfo looks at: names of sections, .modinfo, notes, and the signature behind it all.</summary>
    /// <returns>False if the file became shorter.</returns>
    public bool ReadForModinfo()
    {
        int names = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(62));
        if (names >= _count || !Place(names, out var namesAt, out var namesLength) || !file.ReadPart(bytes, namesAt, namesLength))
        {
            return false;
        }
        for (var i = 0; i < _count; i++)
        {
            if ((Type(i) == Note || (Type(i) == ProgramData && IsNamed(i, ".modinfo\0"u8, namesAt, namesLength)))
                && Place(i, out var offset, out var length) && !file.ReadPart(bytes, offset, length))
            {
                return false;
            }
        }
        return ReadSignature();
    }

    private ReadOnlySpan<byte> Header(int section) => bytes.AsSpan(_table + section * HeaderSize, HeaderSize);

    private uint Type(int section) => BinaryPrimitives.ReadUInt32LittleEndian(Header(section)[4..]);

    /// <summary>Where a section is; false if not in the file.</summary>
    private bool Place(int section, out int offset, out int length)
    {
        var at = BinaryPrimitives.ReadUInt64LittleEndian(Header(section)[24..]);
        var count = BinaryPrimitives.ReadUInt64LittleEndian(Header(section)[32..]);
        var isInside = at <= (ulong)size && count <= (ulong)size - at;
        (offset, length) = isInside ? ((int)at, (int)count) : (0, 0);
        return isInside;
    }

    private bool IsNamed(int section, ReadOnlySpan<byte> name, int namesAt, int namesLength)
    {
        var at = BinaryPrimitives.ReadUInt32LittleEndian(Header(section));
        return at < namesLength && namesLength - at >= name.Length && bytes.AsSpan(namesAt + (int)at, name.Length).SequenceEqual(name);
    }

    private static bool HasSymbolsOrData(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) switch
    {
        SymbolTable or StringTable => true,
        ProgramData => (BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) & (Write | Allocated | Executable)) == Allocated,
        _ => false,
    };

    /// <summary>Reads the end of the file, as much as the trailer of a signature says (include/linux/module_signature.h), or just the place of one.</summary>
    private bool ReadSignature()
    {
        const int markerSize = 28, trailerSize = 12, lengthAt = 8;
        var trailer = size - markerSize - trailerSize;
        if (trailer < HeaderSize)
        {
            return true;
        }
        if (!file.ReadPart(bytes, trailer, size - trailer))
        {
            return false;
        }
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(trailer + lengthAt)) + bytes[trailer + 3] + bytes[trailer + 4];
        var start = (int)Math.Max(trailer - (long)length, HeaderSize);
        // Headers may stand between sections and signature, and are there already: the same bytes once more do no harm.
        return !bytes.AsSpan(trailer + trailerSize).StartsWith("~Module signature appended~\n"u8) || file.ReadPart(bytes, start, trailer - start);
    }
}
