using System.Runtime.InteropServices;

namespace Lkm.Formats.Compression;

/// <summary>zstd through libzstd's stream interface (zstd.h).</summary>
internal static class LibZstd
{
    public const string Library = "libzstd.so.1";

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer are alike.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Buffer
    {
        public nint Pointer;
        public nuint Size;
        public nuint Position;
    }

    public static string? Decode(ArraySegment<byte> input, OutputBuffer output)
    {
        nint stream = ZSTD_createDStream();
        GCHandle pinnedInput = GCHandle.Alloc(input.Array, GCHandleType.Pinned);
        try
        {
            var source = new Buffer { Pointer = pinnedInput.AddrOfPinnedObject() + input.Offset, Size = (nuint)input.Count };
            while (output.TryReserve())
            {
                nuint status = DecodeSome(stream, ref source, output);
                if (ZSTD_isError(status) != 0)
                    return Marshal.PtrToStringUTF8(ZSTD_getErrorName(status)) ?? "unknown error";
                if (status == 0)
                    return null;
                if (source.Position == source.Size && output.Free.Length > 0)
                    return "it ends too early";
            }

            return null;
        }
        finally
        {
            pinnedInput.Free();
            ZSTD_freeDStream(stream);
        }
    }

    private static nuint DecodeSome(nint stream, ref Buffer source, OutputBuffer output)
    {
        GCHandle pinned = GCHandle.Alloc(output.Array, GCHandleType.Pinned);
        try
        {
            var destination = new Buffer { Pointer = pinned.AddrOfPinnedObject() + output.Length, Size = (nuint)output.Free.Length };
            nuint status = ZSTD_decompressStream(stream, ref destination, ref source);
            output.Advance((int)destination.Position);
            return status;
        }
        finally
        {
            pinned.Free();
        }
    }

    [DllImport(Library)]
    private static extern nint ZSTD_createDStream();

    [DllImport(Library)]
    private static extern nuint ZSTD_freeDStream(nint stream);

    [DllImport(Library)]
    private static extern nuint ZSTD_decompressStream(nint stream, ref Buffer output, ref Buffer input);

    [DllImport(Library)]
    private static extern uint ZSTD_isError(nuint code);

    [DllImport(Library)]
    private static extern nint ZSTD_getErrorName(nuint code);
}
