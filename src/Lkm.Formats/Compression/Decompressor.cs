using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Lkm.Formats.Compression;

/// <summary>
/// Unpacks whole files in memory. gzip is .NET's own and LZ4 is decoded here; xz, lzma, zstd and bzip2 come from the system's
/// libraries, which are loaded when first needed.
/// </summary>
public static class Decompressor
{
    /// <summary>Greatest size in bytes that anything is unpacked to unless the caller says otherwise: 1 GiB.</summary>
    public const int DefaultLimit = 1 << 30;

    /// <summary>Unpacks <paramref name="bytes"/> if they are compressed, and returns them as they are if not.</summary>
    /// <param name="bytes">A file's contents.</param>
    /// <param name="file">Its name for error messages.</param>
    /// <param name="limit">Greatest size of the result in bytes; beyond it the answer is EFBIG.</param>
    public static Result<ReadOnlyMemory<byte>> DecompressIfNeeded(ReadOnlyMemory<byte> bytes, string? file = null, int limit = DefaultLimit)
    {
        CompressionFormat format = CompressionDetection.Detect(bytes.Span);
        if (format == CompressionFormat.None)
            return bytes;
        return Decompress(bytes, format, file, limit: limit);
    }

    /// <summary>The same for many files one after the other, into one array that is used again and grows as needed.</summary>
    /// <param name="bytes">A file's contents.</param>
    /// <param name="storage">The array; the result lies in it, or is <paramref name="bytes"/>. Null at first.</param>
    /// <param name="file">Its name for error messages.</param>
    /// <param name="limit">Greatest size of the result in bytes; beyond it the answer is EFBIG.</param>
    public static Result<ReadOnlyMemory<byte>> DecompressIfNeeded(
        ReadOnlyMemory<byte> bytes, ref byte[]? storage, string? file = null, int limit = DefaultLimit)
    {
        CompressionFormat format = CompressionDetection.Detect(bytes.Span);
        if (format == CompressionFormat.None)
            return bytes;
        Result<ReadOnlyMemory<byte>> result = Decompress(bytes, format, file, limit: limit, storage: storage);
        if (result.IsOk && MemoryMarshal.TryGetArray(result.Value, out ArraySegment<byte> array))
            storage = array.Array;
        return result;
    }

    /// <summary>Unpacks a stream. What follows its end (the size that kernel images append) is left aside.</summary>
    /// <param name="bytes">The stream.</param>
    /// <param name="format">Its format.</param>
    /// <param name="file">Name for error messages.</param>
    /// <param name="sizeHint">Expected size of the result in bytes, or 0; a good one saves copying, a wrong one does no
    /// harm.</param>
    /// <param name="limit">Greatest size of the result in bytes; beyond it the answer is EFBIG.</param>
    /// <param name="storage">An array to begin with, which the result may lie in; null for a new one.</param>
    public static Result<ReadOnlyMemory<byte>> Decompress(
        ReadOnlyMemory<byte> bytes, CompressionFormat format, string? file = null, long sizeHint = 0, int limit = DefaultLimit, byte[]? storage = null)
    {
        if (!MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> input))
            input = new ArraySegment<byte>(bytes.ToArray());
        var output = new OutputBuffer(sizeHint > 0 ? sizeHint : 4L * input.Count, limit, storage);
        string? problem;
        try
        {
            problem = format switch
            {
                CompressionFormat.Gzip => Gzip(input, output),
                CompressionFormat.Xz => LibLzma.DecodeXz(input, output),
                CompressionFormat.Lzma => LibLzma.DecodeLzma(input, output),
                CompressionFormat.Zstd => LibZstd.Decode(input, output),
                CompressionFormat.Bzip2 => LibBzip2.Decode(input, output),
                CompressionFormat.Lz4 => Lz4Legacy.Decode(input, output),
                CompressionFormat.Lzo => null,
                _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not a compression"),
            };
        }
        catch (DllNotFoundException)
        {
            (string library, string package) = LibraryOf(format);
            return new FormatError(file, 0, $"compressed with {Name(format)}, and {library} is not installed (Debian package {package})", Errno.ENOSYS);
        }

        if (format == CompressionFormat.Lzo)
            return new FormatError(file, 0, "compressed with LZO, which is not supported", Errno.ENOSYS);
        if (output.IsOverLimit)
            return new FormatError(file, 0, $"unpacks to more than the limit of {limit} bytes", Errno.EFBIG);
        if (problem is not null)
            return new FormatError(file, 0, $"damaged {Name(format)} data: {problem}", Errno.EINVAL);
        return output.Written;
    }

    private static string Name(CompressionFormat format) => format switch
    {
        CompressionFormat.Gzip => "gzip",
        CompressionFormat.Xz => "xz",
        CompressionFormat.Zstd => "zstd",
        CompressionFormat.Bzip2 => "bzip2",
        CompressionFormat.Lzma => "lzma",
        CompressionFormat.Lz4 => "LZ4",
        _ => format.ToString(),
    };

    private static (string Library, string Package) LibraryOf(CompressionFormat format) => format switch
    {
        CompressionFormat.Zstd => (LibZstd.Library, "libzstd1"),
        CompressionFormat.Bzip2 => (LibBzip2.Library, "libbz2-1.0"),
        _ => (LibLzma.Library, "liblzma5"),
    };

    private static string? Gzip(ArraySegment<byte> input, OutputBuffer output)
    {
        using var source = new MemoryStream(input.Array!, input.Offset, input.Count, writable: false);
        using var stream = new GZipStream(source, CompressionMode.Decompress);
        try
        {
            while (output.TryReserve())
            {
                int read = stream.Read(output.Free);
                if (read == 0)
                    return IsComplete(input, output) ? null : "it ends too early, or other data follow it";
                output.Advance(read);
            }

            return null;
        }
        catch (InvalidDataException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>
    /// .NET ends a truncated stream without complaint; but a complete one states its length modulo 2^32 in its last four bytes.
    /// </summary>
    private static bool IsComplete(ArraySegment<byte> input, OutputBuffer output) =>
        input.Count >= 18 && BinaryPrimitives.ReadUInt32LittleEndian(input.AsSpan()[^4..]) == (uint)output.Length;
}
