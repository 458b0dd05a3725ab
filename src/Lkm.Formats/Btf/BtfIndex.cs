using System.Numerics;
using System.Runtime.InteropServices;

namespace Lkm.Formats.Btf;

/// <summary>
/// Where types lie, and hash chains over their names, as one block of 32-bit words: size of the section, number n of types,
/// number b of buckets (a power of two), one unused; then n offsets, b heads of chains and n links. Heads and links are
/// numbers + 1, and ascend.
/// </summary>
internal static class BtfIndex
{
    private const int HeaderWords = 4;

    public static ReadOnlyMemory<byte> Build(ReadOnlySpan<byte> section, BtfHeader header, ReadOnlySpan<int> offsets, BtfTypes? baseTypes)
    {
        int count = offsets.Length;
        int buckets = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, count));
        byte[] index = new byte[(HeaderWords + 2 * count + buckets) * 4];
        Span<int> words = MemoryMarshal.Cast<byte, int>(index.AsSpan());
        (words[0], words[1], words[2]) = (section.Length, count, buckets);
        offsets.CopyTo(words[HeaderWords..]);

        ReadOnlySpan<byte> types = section.Slice(header.TypesAt, header.TypesLength);
        ReadOnlySpan<byte> strings = section.Slice(header.StringsAt, header.StringsLength);
        uint firstString = baseTypes?.StringsEnd ?? 0;
        Span<int> heads = words.Slice(HeaderWords + count, buckets);
        Span<int> links = words.Slice(HeaderWords + count + buckets, count);
        for (int i = count - 1; i >= 0; i--)
        {
            uint nameAt = BtfTypes.Word(types[offsets[i]..], 0);
            ReadOnlySpan<byte> name = nameAt < firstString ? baseTypes!.Text(nameAt) : CString.Span(strings[(int)(nameAt - firstString)..]);
            if (name.IsEmpty)
                continue;
            ref int head = ref heads[(int)(NameHash.Of(name) & (uint)(buckets - 1))];
            links[i] = head;
            head = i + 1;
        }

        return index;
    }

    /// <summary>Whether a block is an index of a section of this size.</summary>
    public static bool Belongs(ReadOnlySpan<byte> index, int sectionLength)
    {
        if (index.Length < HeaderWords * 4)
            return false;
        ReadOnlySpan<int> words = Words(index);
        (long count, long buckets) = (words[1], words[2]);
        return words[0] == sectionLength && count >= 0 && buckets > 0 && BitOperations.IsPow2(buckets)
            && index.Length == (HeaderWords + 2 * count + buckets) * 4;
    }

    public static int CountOf(ReadOnlySpan<byte> index) => Words(index)[1];

    public static ReadOnlySpan<int> OffsetsOf(ReadOnlySpan<byte> index) => Words(index).Slice(HeaderWords, CountOf(index));

    /// <summary>For each type the next one in its chain, plus 1.</summary>
    public static ReadOnlySpan<int> LinksOf(ReadOnlySpan<byte> index) => Words(index)[^CountOf(index)..];

    /// <summary>The first type of the chain that a name belongs to, or -1.</summary>
    public static int FirstWithHash(ReadOnlySpan<byte> index, ReadOnlySpan<byte> name)
    {
        int buckets = Words(index)[2];
        return Words(index).Slice(HeaderWords + CountOf(index), buckets)[(int)(NameHash.Of(name) & (uint)(buckets - 1))] - 1;
    }

    private static ReadOnlySpan<int> Words(ReadOnlySpan<byte> index) => MemoryMarshal.Cast<byte, int>(index);
}
