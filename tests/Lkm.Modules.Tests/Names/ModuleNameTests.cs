namespace Lkm.Modules.Tests;

public class ModuleNameTests
{
    [Theory]
    [InlineData("snd-hda-intel", "snd_hda_intel")]
    [InlineData("ext4", "ext4")]
    [InlineData("ext4.ko.xz", "ext4")]
    [InlineData("a.b-c", "a")]
    [InlineData("", "")]
    public void A_name_has_underscores_and_ends_at_the_first_dot(string given, string expected) =>
        Assert.Equal(expected, ModuleName.Normalize(given));

    [Theory]
    [InlineData("/lib/modules/1.0/kernel/fs/mod-a.ko.zst", "mod_a")]
    [InlineData("mod-a.ko", "mod_a")]
    [InlineData("./dir.d/x", "x")]
    public void A_path_names_the_module_of_its_base_name(string path, string expected) =>
        Assert.Equal(expected, ModuleName.FromPath(path));

    [Theory]
    [InlineData("pci:v-d*[a-z]x-y", "pci:v_d*[a-z]x_y")]
    [InlineData("plain", "plain")]
    [InlineData("a[b", null)]
    [InlineData("a]b", null)]
    [InlineData("a-[]-]", null)]
    public void An_alias_keeps_what_is_in_brackets_and_needs_pairs(string given, string? expected) =>
        Assert.Equal(expected, ModuleName.NormalizeAlias(given));

    [Theory]
    [InlineData("a.ko", 3)]
    [InlineData("a.ko.xz", 6)]
    [InlineData("a.ko.gz", 6)]
    [InlineData("a.ko.zst", 7)]
    [InlineData("a.ko.bz2", 0)]
    [InlineData("ko", 0)]
    public void Module_files_are_known_by_their_ending(string path, int length) =>
        Assert.Equal(length, ModuleName.ExtensionLength(path));

    [Fact]
    public void Text_keeps_bytes_that_are_not_UTF8()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(40)];
            random.NextBytes(bytes);
            Assert.Equal(bytes, LosslessText.Encode(LosslessText.Decode(bytes)));
        }
        Assert.Equal("Jürgen 😀", LosslessText.Decode("Jürgen 😀"u8));
    }
}
