using Lkm.Cli.Comparing;

namespace Lkm.Cli.Tests.Comparing;

public class ShellMessagesTests
{
    [Theory]
    [InlineData("sh: /run/command: line 12: can't open /no: no such file", "sh: can't open /no: no such file")]
    [InlineData("sh: /run/command: line 1: nosuch: not found", "sh: nosuch: not found")]
    [InlineData("sh: /run/command: line 1: ksyms: not found", "sh: ksyms: not found (a command of lkm's shell, which busybox lacks)")]
    [InlineData("a file: sh: /run/command: line 1: text", "a file: sh: /run/command: line 1: text")]
    [InlineData("cat: can't open '/no': No such file or directory", "cat: can't open '/no': No such file or directory")]
    public void What_real_Linuxs_shell_says_names_no_file(string printed, string line) => Assert.Equal([line], ShellMessages.OfReal(printed + "\n"));

    [Fact]
    public void Every_line_counts_and_nothing_is_no_line()
    {
        Assert.Equal(["one", "sh: two", ""], ShellMessages.OfReal("one\nsh: /run/command: line 3: two\n\nlast\n").Take(3));
        Assert.Empty(ShellMessages.OfReal(""));
    }

    [Fact]
    public void What_is_not_found_is_said_alike() =>
        Assert.Equal(ShellMessages.OfReal("sh: /run/command: line 1: nosuch: not found\n"), ShellMessages.OfLkm("sh: nosuch: not found; \"help\" lists the commands\n"));
}
