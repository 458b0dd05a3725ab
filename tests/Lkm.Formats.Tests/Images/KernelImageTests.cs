using System.IO.Compression;
using Lkm.Formats.Compression;
using Lkm.Formats.Elf;
using Lkm.Formats.Images;
using Lkm.Formats.Kallsyms;
using Lkm.Formats.Tests.Builders;

namespace Lkm.Formats.Tests.Images;

public class KernelImageTests
{
    private const string Banner = "Linux version 6.1.0-test (debian-kernel@lists.debian.org) #1 SMP";

    [Fact]
    public void ReadsAVmlinuxAsItIs()
    {
        KernelImage image = KernelImage.Parse(Vmlinux()).Value;

        Assert.Equal((CompressionFormat.None, Banner, "6.1.0-test"), (image.Compression, image.Banner, image.Release));
        Assert.Equal([7, 8, 9], image.BuildId.ToArray());
    }

    [Fact]
    public void UnpacksABzImage()
    {
        KernelImage image = KernelImage.Parse(BzImage(Gzip(Vmlinux())), "vmlinuz").Value;

        Assert.Equal((CompressionFormat.Gzip, Banner), (image.Compression, image.Banner));
        Assert.Equal(Vmlinux(), image.Bytes.ToArray());
        Assert.Equal(600, KallsymsReader.Read(image).Value.Count);
    }

    [Fact]
    public void SaysWhatIsNoKernel()
    {
        Assert.Contains("not a kernel image", KernelImage.Parse("#!/bin/sh"u8.ToArray(), "vmlinuz").Error!.Reason);
        Assert.Contains("not an executable, as vmlinux is", KernelImage.Parse(new ElfBuilder().Build()).Error!.Reason);
        Assert.Contains("truncated?", KernelImage.Parse(BzImage(Gzip(Vmlinux()))[..^1]).Error!.Reason);
        Assert.Contains("boot protocol 2.07", KernelImage.Parse(BzImage(Gzip(Vmlinux()), protocol: 0x207)).Error!.Reason);
    }

    internal static byte[] Vmlinux()
    {
        byte[] tables = KallsymsEncoder.Encode(KallsymsEncoder.Sample(600), KallsymsLayout.Linux61);
        var builder = new ElfBuilder { Type = ElfType.Executable };
        byte[] note = new ByteWriter().U32(4).U32(3).U32(3).Text("GNU").Bytes([7, 8, 9]).Align(4).ToArray();
        builder.AddSection(".notes", note, type: SectionType.Note);
        builder.AddSection(".rodata", new ByteWriter().Text("Linux version %s").Text(Banner + "\n").Align(8).Bytes(tables).ToArray(),
            address: KallsymsEncoder.RodataAddress);
        return builder.Build();
    }

    internal static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var stream = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            stream.Write(bytes);
        return packed.ToArray();
    }

    internal static byte[] BzImage(byte[] payload, int protocol = 0x20f)
    {
        const int setupSects = 3, payloadOffset = 0x100;
        byte[] image = new byte[(setupSects + 1) * 512 + payloadOffset + payload.Length];
        image[0x1f1] = setupSects;
        BitConverter.TryWriteBytes(image.AsSpan(0x1fe), (ushort)0xaa55);
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BitConverter.TryWriteBytes(image.AsSpan(0x206), (ushort)protocol);
        BitConverter.TryWriteBytes(image.AsSpan(0x248), payloadOffset);
        BitConverter.TryWriteBytes(image.AsSpan(0x24c), payload.Length);
        payload.CopyTo(image, image.Length - payload.Length);
        return image;
    }
}
