namespace Lkm.Formats.Compression;

/// <summary>Compressions that module files and kernel images come in.</summary>
public enum CompressionFormat
{
    /// <summary>Not compressed, or nothing known.</summary>
    None,

    /// <summary>gzip (RFC 1952).</summary>
    Gzip,

    /// <summary>xz container with LZMA2.</summary>
    Xz,

    /// <summary>Zstandard (RFC 8878).</summary>
    Zstd,

    /// <summary>bzip2.</summary>
    Bzip2,

    /// <summary>The bare LZMA stream of lzma(1).</summary>
    Lzma,

    /// <summary>LZ4's legacy frame, which the kernel build makes.</summary>
    Lz4,

    /// <summary>lzop. Recognised, not read.</summary>
    Lzo,
}

/// <summary>Tells compressions apart by their first bytes.</summary>
public static class CompressionDetection
{
    /// <summary>
    /// The compression that <paramref name="bytes"/> begin with. The magic numbers are those of lib/decompress.c, with xz and
    /// zstd as libkmod knows them.
    /// </summary>
    public static CompressionFormat Detect(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]))
            return CompressionFormat.Xz;
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]))
            return CompressionFormat.Zstd;
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]))
            return CompressionFormat.Gzip;
        if (bytes.StartsWith("BZh"u8))
            return CompressionFormat.Bzip2;
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x02, 0x21, 0x4c, 0x18]))
            return CompressionFormat.Lz4;
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'L', (byte)'Z', (byte)'O', 0]))
            return CompressionFormat.Lzo;
        return bytes.StartsWith((ReadOnlySpan<byte>)[0x5d, 0x00, 0x00]) ? CompressionFormat.Lzma : CompressionFormat.None;
    }
}
