using System.Buffers.Binary;

namespace Lkm.Formats.Btf;

/// <summary>struct btf_header, with offsets counted from the start of the section.</summary>
/// <param name="TypesAt">Where the types start.</param>
/// <param name="TypesLength">Their size in bytes.</param>
/// <param name="StringsAt">Where the strings start.</param>
/// <param name="StringsLength">Their size in bytes.</param>
internal readonly record struct BtfHeader(int TypesAt, int TypesLength, int StringsAt, int StringsLength)
{
    private const int Size = 24;
    private const ushort Magic = 0xeb9f;

    public static Result<BtfHeader> Read(ReadOnlySpan<byte> section, string? file)
    {
        if (section.Length < Size)
            return Fail(0, $"type information of {section.Length} bytes is too short for its header");
        ushort magic = BinaryPrimitives.ReadUInt16LittleEndian(section);
        if (magic != Magic)
            return Fail(0, magic == BinaryPrimitives.ReverseEndianness(Magic) ? "type information is big-endian" : "not type information: the magic number is missing");
        if (section[2] != 1)
            return Fail(2, $"type information of version {section[2]}, where 1 is known");

        uint headerLength = BtfTypes.Word(section, 4);
        uint typesAt = BtfTypes.Word(section, 8), typesLength = BtfTypes.Word(section, 12);
        uint stringsAt = BtfTypes.Word(section, 16), stringsLength = BtfTypes.Word(section, 20);
        if (headerLength < Size || headerLength > section.Length)
            return Fail(4, $"header of type information has {headerLength} bytes");
        long rest = section.Length - headerLength;
        if ((long)typesAt + typesLength > rest)
            return Fail(8, $"types (0x{typesAt:x}, 0x{typesLength:x} bytes) lie beyond the end of the section");
        if ((long)stringsAt + stringsLength > rest)
            return Fail(16, $"strings (0x{stringsAt:x}, 0x{stringsLength:x} bytes) lie beyond the end of the section");

        var header = new BtfHeader((int)(headerLength + typesAt), (int)typesLength, (int)(headerLength + stringsAt), (int)stringsLength);
        if (stringsLength > 0 && section[header.StringsAt + header.StringsLength - 1] != 0)
            return Fail(header.StringsAt, "strings of the type information do not end with a NUL byte");
        return header;

        FormatError Fail(long offset, string reason) => new(file, offset, reason, Errno.EINVAL);
    }
}
