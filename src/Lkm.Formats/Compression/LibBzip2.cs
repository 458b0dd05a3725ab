using System.Runtime.InteropServices;

namespace Lkm.Formats.Compression;

/// <summary>bzip2 through libbz2's stream interface (bzlib.h).</summary>
internal static class LibBzip2
{
    public const string Library = "libbz2.so.1.0";

    private const int StreamEnd = 4;

    /// <summary>bz_stream.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Stream
    {
        public nint NextIn;
        public uint AvailableIn;
        public uint TotalInLow, TotalInHigh;
        public nint NextOut;
        public uint AvailableOut;
        public uint TotalOutLow, TotalOutHigh;
        public nint State;
        public nint Allocate, Free, Opaque;
    }

    public static string? Decode(ArraySegment<byte> input, OutputBuffer output)
    {
        var stream = default(Stream);
        int status = BZ2_bzDecompressInit(ref stream, 0, 0);
        if (status != 0)
            return Describe(status);
        GCHandle pinnedInput = GCHandle.Alloc(input.Array, GCHandleType.Pinned);
        try
        {
            stream.NextIn = pinnedInput.AddrOfPinnedObject() + input.Offset;
            stream.AvailableIn = (uint)input.Count;
            while (output.TryReserve())
            {
                status = DecodeSome(ref stream, output);
                if (status == StreamEnd)
                    return null;
                if (status != 0)
                    return Describe(status);
                if (stream.AvailableIn == 0 && output.Free.Length > 0)
                    return "it ends too early";
            }

            return null;
        }
        finally
        {
            pinnedInput.Free();
            BZ2_bzDecompressEnd(ref stream);
        }
    }

    private static int DecodeSome(ref Stream stream, OutputBuffer output)
    {
        GCHandle pinned = GCHandle.Alloc(output.Array, GCHandleType.Pinned);
        try
        {
            int room = output.Free.Length;
            stream.NextOut = pinned.AddrOfPinnedObject() + output.Length;
            stream.AvailableOut = (uint)room;
            int status = BZ2_bzDecompress(ref stream);
            output.Advance(room - (int)stream.AvailableOut);
            return status;
        }
        finally
        {
            pinned.Free();
        }
    }

    private static string Describe(int status) => status switch
    {
        -3 => "out of memory",
        -4 => "contents and checksum disagree",
        -5 => "not in this format",
        _ => $"libbz2 error {status}",
    };

    [DllImport(Library)]
    private static extern int BZ2_bzDecompressInit(ref Stream stream, int verbosity, int small);

    [DllImport(Library)]
    private static extern int BZ2_bzDecompress(ref Stream stream);

    [DllImport(Library)]
    private static extern int BZ2_bzDecompressEnd(ref Stream stream);
}
