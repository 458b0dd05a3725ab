using System.Buffers.Binary;

namespace Lkm.Formats.Images;

/// <summary>The setup header of a bzImage (Documentation/x86/boot.rst, "The Real-Mode Kernel Header").</summary>
internal static class BzImage
{
    private const int SetupSectsAt = 0x1f1;
    private const int BootFlagAt = 0x1fe;
    private const int MagicAt = 0x202;
    private const int VersionAt = 0x206;
    private const int PayloadOffsetAt = 0x248;
    private const int PayloadLengthAt = 0x24c;
    private const int HeaderEnd = 0x250;

    /// <summary>Boot protocol 2.08 (Linux 2.6.26) introduced payload_offset and payload_length.</summary>
    private const int PayloadProtocol = 0x0208;

    private const int SectorSize = 512;

    /// <summary>Old kernels leave setup_sects at 0 and mean this.</summary>
    private const int DefaultSetupSects = 4;

    public static bool IsBzImage(ReadOnlySpan<byte> image) => image.Length >= HeaderEnd
        && BinaryPrimitives.ReadUInt16LittleEndian(image[BootFlagAt..]) == 0xaa55
        && image[MagicAt..].StartsWith("HdrS"u8);

    /// <summary>The compressed kernel inside a bzImage.</summary>
    public static Result<ReadOnlyMemory<byte>> Payload(ReadOnlyMemory<byte> image, string? file)
    {
        ReadOnlySpan<byte> header = image.Span;
        int version = BinaryPrimitives.ReadUInt16LittleEndian(header[VersionAt..]);
        if (version < PayloadProtocol)
            return new FormatError(file, VersionAt, $"boot protocol {version >> 8}.{version & 0xff:d2} is older than 2.08 and does not say where the kernel lies");

        int setupSects = header[SetupSectsAt] == 0 ? DefaultSetupSects : header[SetupSectsAt];
        long offset = (setupSects + 1) * SectorSize + (long)BinaryPrimitives.ReadUInt32LittleEndian(header[PayloadOffsetAt..]);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[PayloadLengthAt..]);
        if (offset > image.Length || length > image.Length - offset || length < 8)
            return new FormatError(file, PayloadOffsetAt, $"the compressed kernel (0x{offset:x}, 0x{length:x} bytes) lies beyond the end of the image "
                + $"(0x{image.Length:x} bytes): truncated?");
        return image.Slice((int)offset, (int)length);
    }
}
