namespace Lkm.Formats.Tests;

public class ResultTests
{
    [Fact]
    public void IsAValueOrAnError()
    {
        Result<int> value = 3;
        Result<int> error = new FormatError("a.ko", 28, "wrong");
        Assert.True(value.TryGet(out int number, out _));
        Assert.Equal(3, number);
        Assert.False(error.TryGet(out _, out FormatError? why));
        Assert.Equal("a.ko: wrong (at offset 0x1c)", why!.ToString());
        Assert.Equal(Errno.ENOEXEC, why.Errno);
        Assert.Throws<InvalidOperationException>(() => error.Value);
        Assert.Equal(5, error.ValueOr(5));
    }

    [Fact]
    public void ErrorsPassThroughSteps()
    {
        Result<int> error = new FormatError(null, -1, "wrong");
        Assert.Equal("wrong", error.Then<string>(number => number.ToString()).Error!.ToString());
        Assert.Equal("4", ((Result<int>)4).Then<string>(number => number.ToString()).Value);
    }

    [Fact]
    public void FilesThatCannotBeReadGiveErrnos()
    {
        Assert.Equal(Errno.ENOENT, FileContents.Read("/no/such/file").Error!.Errno);
        Assert.Equal(Errno.EISDIR, FileContents.Read("/").Error!.Errno);
        Assert.NotEmpty(FileContents.Read("/proc/self/stat").Value);
    }
}
