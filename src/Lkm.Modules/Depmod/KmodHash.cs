using System.Buffers.Binary;

namespace Lkm.Modules;

/// <summary>
/// The order in which kmod's hash tables give their entries back: by bucket of Paul Hsieh's SuperFastHash, and within a bucket by bytes. It is the order of
/// modules that <c>modules.order</c> does not list, of <c>modules.symbols</c>, and of reports about dependency loops.
/// </summary>
internal static class KmodHash
{
    /// <summary>Buckets of the table of modules.</summary>
    public const int ModuleBuckets = 512;

    /// <summary>Buckets of the table of symbols.</summary>
    public const int SymbolBuckets = 2048;

    /// <summary>The bucket of a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="buckets">How many buckets there are: a power of two.</param>
    public static int BucketOf(string key, int buckets) => (int)(Of(LosslessText.Encode(key)) & (uint)(buckets - 1));

    private static uint Of(ReadOnlySpan<byte> key)
    {
        var hash = (uint)key.Length;
        for (; key.Length >= 4; key = key[4..])
        {
            hash += BinaryPrimitives.ReadUInt16LittleEndian(key);
            var mixed = ((uint)BinaryPrimitives.ReadUInt16LittleEndian(key[2..]) << 11) ^ hash;
            hash = (hash << 16) ^ mixed;
            hash += hash >> 11;
        }
        switch (key.Length)
        {
            case 3:
                hash += BinaryPrimitives.ReadUInt16LittleEndian(key);
                hash ^= hash << 16;
                hash ^= (uint)(sbyte)key[2] << 18;
                hash += hash >> 11;
                break;
            case 2:
                hash += BinaryPrimitives.ReadUInt16LittleEndian(key);
                hash ^= hash << 11;
                hash += hash >> 17;
                break;
            case 1:
                hash += (uint)(sbyte)key[0];
                hash ^= hash << 10;
                hash += hash >> 1;
                break;
        }
        hash ^= hash << 3;
        hash += hash >> 5;
        hash ^= hash << 4;
        hash += hash >> 17;
        hash ^= hash << 25;
        return hash + (hash >> 6);
    }
}
