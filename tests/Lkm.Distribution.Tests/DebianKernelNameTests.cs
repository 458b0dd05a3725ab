namespace Lkm.Distribution.Tests;

public class DebianKernelNameTests
{
    [Theory]
    [InlineData("6.1", "6.1", "amd64", null)]
    [InlineData("6.1-amd64", "6.1", "amd64", null)]
    [InlineData("6.1-cloud", "6.1", "cloud-amd64", null)]
    [InlineData("sid", "sid", "amd64", null)]
    [InlineData("unstable-rt", "sid", "rt-amd64", null)]
    [InlineData("6.1-rt-amd64", "6.1", "rt-amd64", null)]
    [InlineData("6.1.0-56-amd64", "6.1", "amd64", "6.1.0-56-amd64")]
    [InlineData("6.1.0-56-cloud-amd64", "6.1", "cloud-amd64", "6.1.0-56-cloud-amd64")]
    [InlineData("6.1.0-56-cloud", "6.1", "cloud-amd64", "6.1.0-56-cloud-amd64")]
    [InlineData("6.1.0-56", "6.1", "amd64", "6.1.0-56-amd64")]
    [InlineData("6.12.48+deb13-amd64", "6.12", "amd64", "6.12.48+deb13-amd64")]
    public void A_series_a_flavour_and_a_release_are_told_apart(string text, string series, string flavour, string? release)
    {
        Outcome<DebianKernelName> parsed = DebianKernelName.Parse(text);
        Assert.True(parsed.Succeeded, parsed.Error);
        Assert.Equal(new DebianKernelName(series, flavour, release), parsed.Value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("bookworm")]
    [InlineData("6")]
    [InlineData("6.x")]
    [InlineData("6.1/../..")]
    [InlineData("6.1 ; rm")]
    public void What_is_no_version_is_refused_with_an_example(string text)
    {
        Outcome<DebianKernelName> parsed = DebianKernelName.Parse(text);
        Assert.False(parsed.Succeeded);
        Assert.Contains("debian:6.1", parsed.Error);
    }

    [Fact]
    public void Only_the_signed_image_of_the_flavour_fits()
    {
        DebianKernelName name = DebianKernelName.Parse("6.1").Value!;
        Assert.True(name.Matches("linux-image-6.1.0-56-amd64", out string release));
        Assert.Equal("6.1.0-56-amd64", release);
        foreach (string other in (string[])["linux-image-6.1.0-56-amd64-unsigned", "linux-image-6.1.0-56-amd64-dbg", "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-56-rt-amd64", "linux-image-6.12.0-1-amd64", "linux-image-amd64"])
            Assert.False(name.Matches(other, out _), other);
        Assert.True(DebianKernelName.Parse("6.1-cloud").Value!.Matches("linux-image-6.1.0-56-cloud-amd64", out _));
        Assert.True(DebianKernelName.Parse("sid").Value!.Matches("linux-image-7.2.13+deb14-amd64", out _));
        Assert.False(DebianKernelName.Parse("sid").Value!.Matches("linux-image-cloud-amd64", out _));
    }

    [Fact]
    public void Releases_are_ordered_by_their_numbers()
    {
        Assert.True(DebianKernelName.Compare("6.1.0-9-amd64", "6.1.0-10-amd64") < 0);
        Assert.True(DebianKernelName.Compare("6.12.48+deb13-amd64", "6.12.9+deb13-amd64") > 0);
        Assert.Equal(0, DebianKernelName.Compare("6.1.0-56-amd64", "6.1.0-56-amd64"));
    }
}
