using System.Buffers.Binary;
using System.Text;

namespace Lkm.Distribution;

/// <summary>Reads the release out of a kernel image, without unpacking it.</summary>
/// <remarks>
/// A bzImage's set-up header (Documentation/x86/boot.rst) has "HdrS" at 0x202 and at 0x20e the offset, less 0x200, of a string that starts
/// with the release. An uncompressed vmlinux holds the linux_banner, "Linux version RELEASE (…".
/// </remarks>
public static class KernelImageVersion
{
    private const int HeaderBytes = 0x10000;
    private const int MaximumRelease = 64; // __NEW_UTS_LEN
    private static ReadOnlySpan<byte> Banner => "Linux version "u8;

    /// <summary>Reads the release of the image at a path.</summary>
    /// <param name="path">A bzImage or vmlinux.</param>
    public static Outcome<string> Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] header = new byte[HeaderBytes];
            int length = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
            ReadOnlySpan<byte> bytes = header.AsSpan(0, length);
            string? release =
                bytes.StartsWith("\x7f"u8) && bytes.Length >= 4 && bytes[1..4].SequenceEqual("ELF"u8) ? FromBanner(file)
                : bytes.Length >= 0x210 && bytes[0x202..].StartsWith("HdrS"u8) ? FromSetupHeader(bytes)
                : null;
            return release is null
                ? Outcome<string>.Failure($"{path}: neither a bzImage nor an x86-64 vmlinux that names its version; give --kernel a vmlinuz")
                : release;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Outcome<string>.Failure($"{path}: {failure.Message}");
        }
    }

    private static string? FromSetupHeader(ReadOnlySpan<byte> header)
    {
        int at = BinaryPrimitives.ReadUInt16LittleEndian(header[0x20e..]) + 0x200;
        return at < header.Length ? Release(header[at..]) : null;
    }

    private static string? FromBanner(FileStream file)
    {
        byte[] window = new byte[1 << 20];
        int kept = 0;
        file.Position = 0;
        while (true)
        {
            int read = file.ReadAtLeast(window.AsSpan(kept), window.Length - kept, throwOnEndOfStream: false);
            if (read == 0)
                return null;
            Span<byte> bytes = window.AsSpan(0, kept + read);
            for (int from = 0; bytes[from..].IndexOf(Banner) is >= 0 and int found; from += found + 1)
            {
                if (Release(bytes[(from + found + Banner.Length)..]) is { } release)
                    return release;
            }
            kept = Math.Min(Banner.Length + MaximumRelease, bytes.Length);
            bytes[^kept..].CopyTo(window);
        }
    }

    /// <summary>The characters up to the first space, when they can be a release.</summary>
    private static string? Release(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)' ');
        if (end is <= 0 or > MaximumRelease || !char.IsAsciiDigit((char)bytes[0]))
            return null;
        ReadOnlySpan<byte> release = bytes[..end];
        return release.ContainsAnyExceptInRange((byte)'!', (byte)'~') || release.Contains((byte)'/') ? null : Encoding.ASCII.GetString(release);
    }
}
