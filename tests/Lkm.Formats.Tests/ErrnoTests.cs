namespace Lkm.Formats.Tests;

public class ErrnoTests
{
    [Theory]
    [InlineData(Errno.ENOEXEC, 8, "ENOEXEC", "Exec format error")]
    [InlineData(Errno.ENOKEY, 126, "ENOKEY", "Required key not available")]
    [InlineData(Errno.EKEYREJECTED, 129, "EKEYREJECTED", "Key was rejected by service")]
    [InlineData(Errno.EHWPOISON, 133, "EHWPOISON", "Memory page has hardware error")]
    [InlineData(Errno.ENOTSUPP, 524, "ENOTSUPP", "Unknown error 524")]
    [InlineData(Errno.EPROBE_DEFER, 517, "EPROBE_DEFER", "Unknown error 517")]
    [InlineData((Errno)1234, 1234, "1234", "Unknown error 1234")]
    public void HasLinuxNumberNameAndText(Errno errno, int number, string name, string message)
    {
        Assert.Equal(number, (int)errno);
        Assert.Equal(name, errno.Name());
        Assert.Equal(message, errno.Message());
    }

    [Fact]
    public void EveryMemberHasItsOwnName()
    {
        foreach (Errno errno in Enum.GetValues<Errno>().Where(errno => errno != Errno.OK))
            Assert.Equal(errno.ToString(), errno.Name());
    }

    [Theory]
    [InlineData(-2, true, Errno.ENOENT)]
    [InlineData(-4095, true, (Errno)4095)]
    [InlineData(-4096, false, Errno.OK)]
    [InlineData(0, false, Errno.OK)]
    [InlineData(7, false, Errno.OK)]
    public void ComesFromReturnValues(long value, bool isError, Errno errno)
    {
        Assert.Equal(isError, ErrnoText.TryFromReturnValue(value, out Errno found));
        Assert.Equal(errno, found);
    }
}
