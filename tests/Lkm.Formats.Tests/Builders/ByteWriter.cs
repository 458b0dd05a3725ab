using System.Buffers.Binary;
using System.Text;

namespace Lkm.Formats.Tests.Builders;

/// <summary>Writes numbers and text into a growing array, in either byte order.</summary>
public sealed class ByteWriter(bool isBigEndian = false)
{
    private readonly MemoryStream _bytes = new();

    public int Length => (int)_bytes.Length;

    public ByteWriter U8(int value)
    {
        _bytes.WriteByte((byte)value);
        return this;
    }

    public ByteWriter U16(int value) => Number((ulong)(ushort)value, 2);

    public ByteWriter U32(long value) => Number((uint)value, 4);

    public ByteWriter U64(ulong value) => Number(value, 8);

    /// <summary>A number of <paramref name="size"/> bytes.</summary>
    public ByteWriter Number(ulong value, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        if (isBigEndian)
            BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        else
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.Write(isBigEndian ? bytes[(8 - size)..] : bytes[..size]);
        return this;
    }

    public ByteWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>Text with a NUL behind it.</summary>
    public ByteWriter Text(string text) => Bytes(Encoding.UTF8.GetBytes(text)).U8(0);

    /// <summary>Text in a field of this size.</summary>
    public ByteWriter Text(string text, int size)
    {
        byte[] field = new byte[size];
        Encoding.UTF8.GetBytes(text, field);
        return Bytes(field);
    }

    /// <summary>Fills with NULs up to a multiple of <paramref name="alignment"/>.</summary>
    public ByteWriter Align(int alignment)
    {
        while (_bytes.Length % alignment != 0)
            U8(0);
        return this;
    }

    public byte[] ToArray() => _bytes.ToArray();
}
