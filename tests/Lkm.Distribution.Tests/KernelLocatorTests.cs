using System.Text;

namespace Lkm.Distribution.Tests;

public sealed class KernelLocatorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private KernelLocator Locator => new(new LkmCache(_folder.At("cache")), hostRoot: _folder.At("host"));

    private static byte[] BzImage(string release)
    {
        byte[] image = new byte[0x1000];
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        image[0x20e] = 0x00;
        image[0x20f] = 0x02;
        Encoding.ASCII.GetBytes($"{release} (builder@host) #1 SMP").CopyTo(image, 0x400);
        return image;
    }

    private string Install(string root, string release)
    {
        string image = _folder.At(root, "boot", $"vmlinuz-{release}");
        File.WriteAllBytes(image, BzImage(release));
        Directory.CreateDirectory(_folder.At(root, "lib", "modules", release, "kernel"));
        return image;
    }

    [Fact]
    public void An_installed_version_is_found_with_its_modules()
    {
        string image = Install("host", "6.1.7-test");
        KernelSource kernel = Locator.Locate("6.1.7-test").Value!;
        Assert.Equal(image, kernel.ImagePath);
        Assert.Equal(_folder.At("host", "lib", "modules", "6.1.7-test"), kernel.ModulesDirectory);
        Assert.Equal(KernelOrigin.Installed, kernel.Origin);
        Assert.Null(kernel.HeadersDirectory);
    }

    [Fact]
    public void A_path_names_its_version_and_finds_the_modules_around_it()
    {
        string image = Install("extracted", "6.9.9-elsewhere");
        KernelSource kernel = Locator.Locate(image).Value!;
        Assert.Equal("6.9.9-elsewhere", kernel.Version);
        Assert.Equal(_folder.At("extracted", "lib", "modules", "6.9.9-elsewhere"), kernel.ModulesDirectory);
    }

    [Fact]
    public void A_cached_Debian_kernel_is_found_through_its_series_without_the_network()
    {
        Install("cache/kernels/debian/6.1.0-1-amd64/image", "6.1.0-1-amd64");
        File.WriteAllText(_folder.At("cache", "kernels", "debian", "6.1-amd64"), "6.1.0-1-amd64");
        foreach (string name in (string[])["debian:6.1", "debian:6.1.0-1-amd64", "6.1.0-1-amd64"])
            Assert.Equal("6.1.0-1-amd64", Locator.Locate(name).Value?.Version);
        Assert.Equal(["6.1.0-1-amd64"], Locator.List().Select(kernel => kernel.Version));
    }

    [Fact]
    public void A_vmlinux_names_its_version_in_its_banner()
    {
        byte[] image = new byte[3 << 20];
        "\x7f"u8.CopyTo(image);
        "ELF"u8.CopyTo(image.AsSpan(1));
        "Linux version %s"u8.CopyTo(image.AsSpan(5000));
        "Linux version 6.1.3-banner (me) #1"u8.CopyTo(image.AsSpan((1 << 20) - 7)); // across two reads
        string path = _folder.At("vmlinux");
        File.WriteAllBytes(path, image);
        Assert.Equal("6.1.3-banner", Locator.Locate(path).Value?.Version);
    }

    [Theory]
    [InlineData("9.9.9-absent", "lkm kernels")]
    [InlineData("/no/such/vmlinuz", "no such file")]
    [InlineData("debian:potato", "debian:6.1")]
    public void A_failure_is_one_line_that_says_what_to_do(string specification, string hint)
    {
        Outcome<KernelSource> found = Locator.Locate(specification);
        Assert.False(found.Succeeded);
        Assert.Contains(hint, found.Error);
        Assert.DoesNotContain('\n', found.Error);
    }

    [Fact]
    public void Any_bytes_give_a_version_or_one_line()
    {
        var random = new Random(1);
        string path = _folder.At("image");
        for (int round = 0; round < 200; round++)
        {
            byte[] image = BzImage("6.1.0-fuzz");
            for (int change = 0; change < 20; change++)
                image[random.Next(round % 2 == 0 ? 0x420 : image.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, image[..random.Next(image.Length)]);
            Outcome<string> version = KernelImageVersion.Read(path);
            Assert.True(version.Succeeded || version.Error.StartsWith(path, StringComparison.Ordinal));
        }
    }
}
