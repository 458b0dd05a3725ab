using System.Buffers.Binary;
using System.Text;
using Lkm.Formats.Compression;
using Lkm.Formats.Elf;

namespace Lkm.Formats.Images;

/// <summary>
/// A linked x86-64 kernel: vmlinux, as it is or unpacked from a bzImage (/boot/vmlinuz-*). KASLR relocations that the build
/// appends behind the unpacked file stay in <see cref="Bytes"/> and are not used.
/// </summary>
public sealed class KernelImage
{
    private string? _banner;

    private KernelImage(ReadOnlyMemory<byte> bytes, ElfFile elf, CompressionFormat compression)
    {
        Bytes = bytes;
        Elf = elf;
        Compression = compression;
    }

    /// <summary>The unpacked file.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The kernel as an ELF executable.</summary>
    public ElfFile Elf { get; }

    /// <summary>How the kernel was packed; <see cref="CompressionFormat.None"/> for a plain vmlinux.</summary>
    public CompressionFormat Compression { get; }

    /// <summary>The GNU build id; empty when the kernel was linked without.</summary>
    public ReadOnlyMemory<byte> BuildId => Elf.BuildId();

    /// <summary>
    /// linux_banner, such as <c>Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) ...</c>, without its newline; empty
    /// when the image holds none.
    /// </summary>
    public string Banner => _banner ??= FindBanner();

    /// <summary>The release in the banner, which <c>uname -r</c> prints: <c>6.1.0-56-amd64</c>.</summary>
    public string Release => Banner.Split(' ') is { Length: > 2 } words ? words[2] : "";

    /// <summary>Reads and unpacks a kernel image.</summary>
    /// <param name="path">A vmlinuz or vmlinux; also the name in error messages.</param>
    public static Result<KernelImage> Read(string path) =>
        FileContents.Read(path).TryGet(out byte[]? bytes, out FormatError? error) ? Parse(bytes, path) : error;

    /// <summary>Unpacks a kernel image in memory.</summary>
    /// <param name="bytes">A bzImage, a vmlinux, or a compressed vmlinux.</param>
    /// <param name="file">Its name for error messages.</param>
    /// <param name="limit">Greatest unpacked size in bytes.</param>
    public static Result<KernelImage> Parse(ReadOnlyMemory<byte> bytes, string? file = null, int limit = Decompressor.DefaultLimit)
    {
        ReadOnlyMemory<byte> payload = bytes;
        if (BzImage.IsBzImage(bytes.Span) && !BzImage.Payload(bytes, file).TryGet(out payload, out FormatError? error))
            return error;

        CompressionFormat compression = CompressionDetection.Detect(payload.Span);
        ReadOnlyMemory<byte> vmlinux = payload;
        if (compression != CompressionFormat.None)
        {
            // The build appends the unpacked size to every payload; gzip ends with it by itself. No kernel shrinks to a
            // sixteenth.
            long size = payload.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(payload.Span[^4..]);
            if (!Decompressor.Decompress(payload, compression, file, Math.Min(size, 16L * payload.Length), limit).TryGet(out vmlinux, out error))
                return error;
        }
        else if (!payload.Span.StartsWith("\u007fELF"u8))
        {
            return new FormatError(file, 0, "not a kernel image: neither a bzImage nor a vmlinux");
        }

        return ElfFile.Parse(vmlinux, file, ElfKind.Kernel).TryGet(out ElfFile? elf, out error)
            ? new KernelImage(vmlinux, elf, compression)
            : error;
    }

    private string FindBanner()
    {
        ReadOnlySpan<byte> prefix = "Linux version "u8;
        ReadOnlySpan<byte> rest = (Elf.FindSection(".rodata"u8)?.Data ?? Bytes).Span;
        while (rest.IndexOf(prefix) is >= 0 and int at)
        {
            rest = rest[at..];
            if (rest.Length > prefix.Length && char.IsAsciiDigit((char)rest[prefix.Length]))
                return Encoding.UTF8.GetString(CString.Span(rest).TrimEnd((byte)'\n'));
            rest = rest[prefix.Length..];
        }

        return "";
    }
}
