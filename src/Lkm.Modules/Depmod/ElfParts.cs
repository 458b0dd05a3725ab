using System.Buffers.Binary;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// Reads those parts of a plain ELF file that depmod looks at, each to its place: header, section headers, symbols, strings and read-only data. Code,
/// relocations and debug information, which are most of a module, stay on the disk, as does the signature.
/// </summary>
/// <remarks>The rest of the array keeps what it held before; sections there are never asked for. Files of another form are left to be read whole.</remarks>
internal static class ElfParts
{
    private const int HeaderSize = 64;
    private const uint ProgramData = 1, SymbolTable = 2, StringTable = 3;
    private const ulong Write = 1, Allocated = 2, Executable = 4;

    /// <summary>A gap that is cheaper to read than to leave out, in bytes.</summary>
    private const int SmallGap = 8192;

    /// <summary>Reads the parts.</summary>
    /// <param name="file">The file.</param>
    /// <param name="bytes">An array that has room for all of it.</param>
    /// <param name="size">The file's size in bytes.</param>
    /// <returns>False if the file has not the form that this knows: a 64-bit little-endian ELF file.</returns>
    public static bool Read(SmallFile file, byte[] bytes, int size)
    {
        if (size < HeaderSize || !file.ReadPart(bytes, 0, HeaderSize) || !bytes.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8))
        {
            return false;
        }
        var table = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(40));
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(58));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(60));
        if (entrySize != HeaderSize || table > (ulong)size || (ulong)size - table < (ulong)(count * entrySize) || !file.ReadPart(bytes, (int)table, count * entrySize))
        {
            return false;
        }
        int start = 0, end = 0;
        for (var i = 0; i < count; i++)
        {
            var header = bytes.AsSpan((int)table + i * entrySize, entrySize);
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
            if (!IsOfUse(header) || offset > (ulong)size || length > (ulong)size - offset)
            {
                continue;
            }
            // Sections that lie close together, as they mostly do, are one read.
            if ((int)offset >= start && (int)offset - end <= SmallGap && end > 0)
            {
                end = Math.Max(end, (int)(offset + length));
                continue;
            }
            if (!file.ReadPart(bytes, start, end - start))
            {
                return false;
            }
            (start, end) = ((int)offset, (int)(offset + length));
        }
        return file.ReadPart(bytes, start, end - start);
    }

    private static bool IsOfUse(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) switch
    {
        SymbolTable or StringTable => true,
        ProgramData => (BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) & (Write | Allocated | Executable)) == Allocated,
        _ => false,
    };
}
