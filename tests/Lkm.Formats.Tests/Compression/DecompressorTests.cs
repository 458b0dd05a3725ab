using System.Text;
using Lkm.Formats.Compression;

namespace Lkm.Formats.Tests.Compression;

public class DecompressorTests
{
    /// <summary>One text as xz, lzma, zstd, bzip2, lz4 -l and gzip pack it.</summary>
    public static TheoryData<CompressionFormat, string> Packed => new()
    {
        { CompressionFormat.Xz, "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AXvACpdACoaCKIDBFPCuFfFb86MBM46T/If1F1HbrFVFmpFNPVC67fe09V+FfFCAAAAAKEIqZ3o8spxAAFG8AsAAADw6mGFscRn+wIAAAAABFla" },
        { CompressionFormat.Lzma, "XQAAgAD//////////wAqGgiiAwRTwrhXxW/OjATOOk/yH9RdR26xVRZqRTT1Quu33tPVfiRu////+ZygAA==" },
        { CompressionFormat.Zstd, "KLUv/WTwBEUBAMBUaGUgbW9kdWxlIGxvYWRzLCB0dW4uClQFALcl9QEIAHbcbHjBMwyScrK2" },
        { CompressionFormat.Bzip2, "QlpoOTFBWSZTWbuieusAALPTgAAQQAUEACZHjgAgAJApgAJoFKVHqAxPU7iehVoTBOgmhOgnsJgTgTgJgn0T8JsJyJsTAnYTwE2E2E0JgTBP4u5IpwoSF3RPXWA=" },
        { CompressionFormat.Lz4, "AiFMGC0AAAD2BFRoZSBtb2R1bGUgbG9hZHMsIHQSACF1bhQALy4KJgD//////7dQYWRzLgo=" },
        { CompressionFormat.Gzip, "H4sIAAAAAAAAAwvJSFXIzU8pzUlVyMlPTCnWUShBiJTmgcX0uEJGVY2qGlU1qmpU1RBXBQDaD6ro8AUAAA==" },
    };

    private static readonly byte[] Text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("The module loads, the module unloads.\n", 40)));

    [Theory]
    [MemberData(nameof(Packed))]
    public void UnpacksWhatItDetects(CompressionFormat format, string base64)
    {
        byte[] packed = Convert.FromBase64String(base64);

        Assert.Equal(format, CompressionDetection.Detect(packed));
        Assert.Equal(Text, Decompressor.DecompressIfNeeded(packed).Value.ToArray());
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void UnpacksAPartOfALargerArray(CompressionFormat format, string base64)
    {
        byte[] packed = [1, 2, 3, .. Convert.FromBase64String(base64), 4, 5];

        Assert.Equal(Text, Decompressor.Decompress(packed.AsMemory()[3..^2], format).Value.ToArray());
    }

    /// <summary>Kernel images append the unpacked size, except to gzip, which ends with it by itself.</summary>
    [Theory]
    [MemberData(nameof(Packed))]
    public void LeavesTheAppendedSizeAside(CompressionFormat format, string base64)
    {
        if (format == CompressionFormat.Gzip)
            return;
        byte[] packed = [.. Convert.FromBase64String(base64), .. BitConverter.GetBytes(Text.Length)];

        Assert.Equal(Text, Decompressor.Decompress(packed, format).Value.ToArray());
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void StopsAtTheLimit(CompressionFormat format, string base64)
    {
        byte[] packed = Convert.FromBase64String(base64);

        Assert.True(Decompressor.Decompress(packed, format, limit: Text.Length).IsOk);
        Assert.Equal(Errno.EFBIG, Decompressor.Decompress(packed, format, limit: Text.Length - 1).Error!.Errno);
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void SaysWhenTheStreamEndsTooEarly(CompressionFormat format, string base64)
    {
        byte[] packed = Convert.FromBase64String(base64);

        FormatError error = Decompressor.Decompress(packed.AsMemory()[..^1], format, "a.ko").Error!;

        Assert.Equal(Errno.EINVAL, error.Errno);
        Assert.StartsWith("damaged", error.Reason);
        Assert.Equal("a.ko", error.File);
    }

    [Fact]
    public void PassesOtherBytesThrough() => Assert.Equal(Text, Decompressor.DecompressIfNeeded(Text).Value.ToArray());

    [Fact]
    public void SaysThatLzoIsNotSupported() =>
        Assert.Contains("LZO", Decompressor.DecompressIfNeeded(new byte[] { 0x89, (byte)'L', (byte)'Z', (byte)'O', 0, 1 }).Error!.Reason);
}
