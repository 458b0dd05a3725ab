using System.Buffers.Binary;

namespace Lkm.Formats.Compression;

/// <summary>
/// LZ4's legacy frame: a magic number, then blocks, each a 32-bit compressed size and that many bytes (lz4
/// doc/lz4_Frame_format.md, "Legacy frame"). A block unpacks to 8 MiB at most and refers to nothing before it.
/// </summary>
internal static class Lz4Legacy
{
    private const uint Magic = 0x184c2102;
    private const int BlockSize = 8 << 20;

    /// <summary>A byte of a block stands for no more bytes than this.</summary>
    private const int MaxExpansion = 255;

    /// <summary>A match is at least this long.</summary>
    private const int MinimumMatch = 4;

    public static string? Decode(ReadOnlySpan<byte> input, OutputBuffer output)
    {
        int at = 0;
        while (input.Length - at >= 4)
        {
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(input[at..]);
            at += 4;
            if (size == Magic)
                continue;

            // The kernel build appends the unpacked size: what is left is then those four bytes, not a block.
            if (at == input.Length && output.Length > 0)
                return null;
            if (size > input.Length - at)
                return "a block reaches beyond the end";
            int room = (int)Math.Min(BlockSize, (long)size * MaxExpansion);
            if (!output.TryReserve(room))
                return null;
            int written = DecodeBlock(input.Slice(at, (int)size), output.Free[..room]);
            if (written < 0)
                return $"bad block at offset 0x{at:x}";
            output.Advance(written);
            at += (int)size;
        }

        return at == input.Length && output.Length > 0 ? null : "it ends too early";
    }

    /// <summary>Unpacks one block (lz4 doc/lz4_Block_format.md); the size written, or -1 when the block is damaged.</summary>
    private static int DecodeBlock(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int from = 0, to = 0;
        while (from < source.Length)
        {
            byte token = source[from++];
            int literals = ReadLength(source, ref from, token >> 4);
            if (literals < 0 || literals > source.Length - from || literals > target.Length - to)
                return -1;
            source.Slice(from, literals).CopyTo(target[to..]);
            from += literals;
            to += literals;
            if (from == source.Length)
                return to;

            if (source.Length - from < 2)
                return -1;
            int distance = BinaryPrimitives.ReadUInt16LittleEndian(source[from..]);
            from += 2;
            int match = ReadLength(source, ref from, token & 15);
            if (match < 0 || distance == 0 || distance > to || match > target.Length - to - MinimumMatch)
                return -1;
            match += MinimumMatch;
            CopyMatch(target, to, distance, match);
            to += match;
        }

        return -1;
    }

    /// <summary>A length of 15 goes on in further bytes, up to the first that is not 255; -1 when they run out.</summary>
    private static int ReadLength(ReadOnlySpan<byte> source, ref int from, int length)
    {
        if (length < 15)
            return length;
        byte more;
        do
        {
            if (from >= source.Length)
                return -1;
            more = source[from++];
            length += more;
        }
        while (more == 255);
        return length;
    }

    /// <summary>A match may overlap what it produces: then its bytes repeat.</summary>
    private static void CopyMatch(Span<byte> target, int to, int distance, int length)
    {
        if (distance >= length)
        {
            target.Slice(to - distance, length).CopyTo(target[to..]);
            return;
        }

        for (int i = 0; i < length; i++)
            target[to + i] = target[to + i - distance];
    }
}
