using System.Buffers.Binary;

namespace Lkm.Formats.Elf;

/// <summary>
/// Word size and byte order of a file, and the sizes of its records that follow from them. All reads are bounds-checked.
/// </summary>
/// <param name="Is64">ELFCLASS64 rather than ELFCLASS32.</param>
/// <param name="IsBigEndian">ELFDATA2MSB rather than ELFDATA2LSB.</param>
public readonly record struct ElfLayout(bool Is64, bool IsBigEndian)
{
    /// <summary>Size of Elf_Ehdr in bytes.</summary>
    public int FileHeaderSize => Is64 ? 64 : 52;

    /// <summary>Size of Elf_Shdr in bytes.</summary>
    public int SectionHeaderSize => Is64 ? 64 : 40;

    /// <summary>Size of Elf_Phdr in bytes.</summary>
    public int ProgramHeaderSize => Is64 ? 56 : 32;

    /// <summary>Size of Elf_Sym in bytes.</summary>
    public int SymbolSize => Is64 ? 24 : 16;

    /// <summary>Size of Elf_Rela in bytes.</summary>
    public int RelaSize => Is64 ? 24 : 12;

    /// <summary>Size of Elf_Rel in bytes.</summary>
    public int RelSize => Is64 ? 16 : 8;

    /// <summary>Size of a long and a pointer in bytes.</summary>
    public int WordSize => Is64 ? 8 : 4;

    internal ushort U16(ReadOnlySpan<byte> bytes, int at) => IsBigEndian
        ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..])
        : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    internal uint U32(ReadOnlySpan<byte> bytes, int at) => IsBigEndian
        ? BinaryPrimitives.ReadUInt32BigEndian(bytes[at..])
        : BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    internal ulong U64(ReadOnlySpan<byte> bytes, int at) => IsBigEndian
        ? BinaryPrimitives.ReadUInt64BigEndian(bytes[at..])
        : BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    /// <summary>
    /// A word of the file's class: at <paramref name="at64"/> in the 64-bit record, at <paramref name="at32"/> in the other.
    /// </summary>
    internal ulong Word(ReadOnlySpan<byte> bytes, int at64, int at32) => Is64 ? U64(bytes, at64) : U32(bytes, at32);
}
