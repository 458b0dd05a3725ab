using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Tests;

public class ArgumentParserTests
{
    private static readonly Command s_command = new()
    {
        Name = "sample",
        Operands = "ONE [TWO]",
        Summary = "A sample",
        Options = [new("--kernel", "KERNEL", "which"), new("--do", "LINE", "what"), new("--json", null, "how")],
        LeastOperands = 1,
        MostOperands = 2,
        Run = _ => 0,
    };

    private static string Error(params string[] words)
    {
        Assert.Null(ArgumentParser.Parse(s_command, words, out string error));
        return error;
    }

    [Fact]
    public void Options_may_stand_anywhere_and_repeat()
    {
        Arguments arguments = ArgumentParser.Parse(s_command, ["--do", "cat /proc/modules", "one", "--kernel=a=b", "--json", "--do=ls", "two"], out _)!;
        Assert.Equal(["one", "two"], arguments.Operands);
        Assert.Equal(["cat /proc/modules", "ls"], arguments.Values("--do"));
        Assert.Equal("a=b", arguments.Value("--kernel"));
        Assert.True(arguments.Has("--json"));
    }

    [Fact]
    public void After_two_dashes_everything_is_an_operand()
    {
        Assert.Equal(["--json", "-x"], ArgumentParser.Parse(s_command, ["--", "--json", "-x"], out _)!.Operands);
    }

    [Fact]
    public void What_is_wrong_is_said()
    {
        Assert.Equal("unknown option '--kernl'; did you mean --kernel?", Error("one", "--kernl", "x"));
        Assert.Equal("unknown option '--other'", Error("one", "--other"));
        Assert.Equal("option --kernel needs a value: --kernel KERNEL", Error("one", "--kernel"));
        Assert.Equal("option --json takes no value", Error("one", "--json=yes"));
        Assert.Equal("needs ONE [TWO]", Error());
        Assert.Equal("takes no 'three'", Error("one", "two", "three"));
    }

    [Theory]
    [InlineData("rum", "run")]
    [InlineData("kernel", "kernels")]
    [InlineData("biuld", "build")]
    [InlineData("frobnicate", null)]
    public void The_nearest_word_is_suggested(string word, string? expected) =>
        Assert.Equal(expected, Suggestion.For(word, ["run", "new", "build", "kernels"]));
}
