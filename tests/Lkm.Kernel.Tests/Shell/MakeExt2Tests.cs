using System.Diagnostics;
using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Tests.Shell;

/// <summary>mke2fs beside busybox's, and what it makes in a booted kernel.</summary>
public sealed class MakeExt2Tests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    private string Image(long kibibytes)
    {
        var path = Path.Combine(_shell.Folder, "image");
        using var file = File.Create(path);
        file.SetLength(kibibytes * 1024);
        return path;
    }

    private static (string Output, string Errors) Busybox(string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("busybox", $"mke2fs {arguments}") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var result = (process.StandardOutput.ReadToEnd(), process.StandardError.ReadToEnd());
        process.WaitForExit();
        return result;
    }

    [Theory]
    [InlineData(448, "")]
    [InlineData(59, "")]
    [InlineData(60, "-m 51")]
    [InlineData(3071, "-m 0")]
    [InlineData(8200, "")]
    [InlineData(17000, "-L name")]
    [InlineData(600 * 1024, "")]
    [InlineData(600 * 1024, "-b 1024 -i 2048")]
    [InlineData(3 * 1024 * 1024, "-I 128 -m 1")]
    [InlineData(100, "-b 100")]
    [InlineData(100, "-b 2048 -i 1024")]
    public void It_says_what_busyboxs_says(long kibibytes, string options)
    {
        var image = Image(kibibytes);
        var (output, errors) = Busybox($"-F -n {options} {image}");
        var result = _shell.Run($"mke2fs -F -n {options} {image}");
        Assert.Equal((output, errors), (result.Output, result.Errors));
    }

    [Theory]
    [InlineData(448, "")]
    [InlineData(20000, "-L name")]
    [InlineData(4096, "-b 4096 -I 256")]
    public void It_writes_what_busyboxs_writes(long kibibytes, string options)
    {
        var image = Image(kibibytes);
        Busybox($"-F {options} {image}");
        var expected = File.ReadAllBytes(image);
        const int superblock = 1024;
        var identity = new Ext2Identity(
            options.Contains("name") ? "name" : "", BitConverter.ToUInt32(expected, superblock + 48), expected[(superblock + 104)..(superblock + 120)], expected[(superblock + 236)..(superblock + 252)]);
        var request = new Ext2Request((ulong)kibibytes, options.Contains("-b") ? 4096u : null, null, options.Contains("-I") ? 256u : null);
        var actual = new byte[expected.Length];
        foreach (var (at, bytes) in new Ext2Image(Ext2Geometry.For(request).Geometry!, identity).Pieces())
            bytes.CopyTo(actual, at);
        Assert.Equal(-1, expected.AsSpan().CommonPrefixLength(actual) is var same && same == expected.Length ? -1 : same);
    }

    [Fact]
    public void A_file_is_formatted_only_by_force()
    {
        var image = Image(448);
        Assert.Equal($"mke2fs: {image}: not a block device\n", _shell.Errors($"mke2fs {image}"));
        _shell.Output($"mke2fs -F {image}");
        Assert.Equal(0xef53, BitConverter.ToUInt16(File.ReadAllBytes(image), 1024 + 56));
    }

    [Theory]
    [InlineData("ext2")]
    [InlineData("ext4")]
    public void A_device_is_formatted_mounted_and_used(string type)
    {
        using var session = BootedKernel.Start();
        Assert.Equal(0, session.Run("modprobe brd rd_nr=1 rd_size=1024; mke2fs /dev/ram0").Status);
        Assert.Equal(("lost+found\ntext\n", 0), session.Run($"mount -t {type} /dev/ram0 /mnt; ls /mnt; echo text > /mnt/file; umount /mnt; mount -t {type} /dev/ram0 /mnt; cat /mnt/file"));
        Assert.Equal(("mke2fs: can't format mounted filesystem\n", 1), session.Run("mke2fs /dev/ram0 2>&1"));
        session.Run("umount /mnt");
        Assert.Equal(("0\n", 1), session.Run("dmesg | grep -c 'EXT[24]-fs error'"));
    }

    [Fact]
    public void A_device_that_says_its_type_needs_none_to_be_mounted()
    {
        using var session = BootedKernel.Start();
        session.Run("modprobe brd rd_nr=1 rd_size=1024; mkfs.ext4 /dev/ram0");
        Assert.Equal(("/dev/ram0 on /mnt type ext2 (rw,relatime)\next2/ext3 1024\n", 0), session.Run("mount /dev/ram0 /mnt && mount | grep ram0 && stat -f -c '%T %s' /mnt"));
    }
}
