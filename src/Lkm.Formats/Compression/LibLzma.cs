using System.Runtime.InteropServices;

namespace Lkm.Formats.Compression;

/// <summary>xz and lzma through liblzma's stream interface (lzma/base.h, lzma/container.h).</summary>
internal static class LibLzma
{
    public const string Library = "liblzma.so.5";

    /// <summary>Decoders may use this much memory; xz -9 needs 65 MiB.</summary>
    private const ulong MemoryLimit = 512UL << 20;

    private const int Run = 0;
    private const int StreamEnd = 1;
    private const int BufferError = 10;

    /// <summary>lzma_stream.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Stream
    {
        public nint NextIn;
        public nuint AvailableIn;
        public ulong TotalIn;
        public nint NextOut;
        public nuint AvailableOut;
        public ulong TotalOut;
        public nint Allocator;
        public nint Internal;
        public nint ReservedPointer1, ReservedPointer2, ReservedPointer3, ReservedPointer4;
        public ulong SeekPosition;
        public ulong ReservedInt2;
        public nuint ReservedInt3, ReservedInt4;
        public int ReservedEnum1, ReservedEnum2;
    }

    public static string? DecodeXz(ArraySegment<byte> input, OutputBuffer output)
    {
        var stream = default(Stream);
        return Decode(ref stream, lzma_stream_decoder(ref stream, MemoryLimit, 0), input, output);
    }

    public static string? DecodeLzma(ArraySegment<byte> input, OutputBuffer output)
    {
        var stream = default(Stream);
        return Decode(ref stream, lzma_alone_decoder(ref stream, MemoryLimit), input, output);
    }

    private static string? Decode(ref Stream stream, int status, ArraySegment<byte> input, OutputBuffer output)
    {
        if (status != 0)
            return Describe(status);
        GCHandle pinnedInput = GCHandle.Alloc(input.Array, GCHandleType.Pinned);
        try
        {
            stream.NextIn = pinnedInput.AddrOfPinnedObject() + input.Offset;
            stream.AvailableIn = (nuint)input.Count;
            while (status == 0 && output.TryReserve())
                status = DecodeSome(ref stream, output);
            return status is 0 or StreamEnd ? null : Describe(status);
        }
        finally
        {
            pinnedInput.Free();
            lzma_end(ref stream);
        }
    }

    private static int DecodeSome(ref Stream stream, OutputBuffer output)
    {
        GCHandle pinned = GCHandle.Alloc(output.Array, GCHandleType.Pinned);
        try
        {
            stream.NextOut = pinned.AddrOfPinnedObject() + output.Length;
            stream.AvailableOut = (nuint)output.Free.Length;
            int room = output.Free.Length;
            int status = lzma_code(ref stream, Run);
            output.Advance(room - (int)stream.AvailableOut);
            return status == 0 && stream.AvailableIn == 0 && stream.AvailableOut != 0 ? BufferError : status;
        }
        finally
        {
            pinned.Free();
        }
    }

    private static string Describe(int status) => status switch
    {
        5 => "out of memory",
        6 => "its dictionary needs more memory than is allowed",
        7 => "not in this format",
        8 => "it uses options that this liblzma does not know",
        9 => "contents and checksum disagree",
        BufferError => "it ends too early",
        _ => $"liblzma error {status}",
    };

    [DllImport(Library)]
    private static extern int lzma_stream_decoder(ref Stream stream, ulong memoryLimit, uint flags);

    [DllImport(Library)]
    private static extern int lzma_alone_decoder(ref Stream stream, ulong memoryLimit);

    [DllImport(Library)]
    private static extern int lzma_code(ref Stream stream, int action);

    [DllImport(Library)]
    private static extern void lzma_end(ref Stream stream);
}
