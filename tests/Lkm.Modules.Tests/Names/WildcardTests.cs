using System.Runtime.InteropServices;

namespace Lkm.Modules.Tests;

public class WildcardTests
{
    [Theory]
    [InlineData("*", "", true)]
    [InlineData("a*c", "abbc", true)]
    [InlineData("a*c", "abbcd", false)]
    [InlineData("a?c", "a/c", true)]
    [InlineData("[!a-c]x", "dx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("[]a]", "]", true)]
    [InlineData("[a", "[a", true)]
    [InlineData(@"\*", "*", true)]
    [InlineData(@"\*", "x", false)]
    [InlineData("[[:digit:]]*", "7up", true)]
    [InlineData("pci:v*d*sv*sd*bc0Csc03i30*", "pci:v00001B21d00001142sv0sd0bc0Csc03i30", true)]
    public void Patterns_match_as_the_shell_does(string pattern, string text, bool expected) =>
        Assert.Equal(expected, Wildcard.IsMatch(pattern, text));

    [Fact]
    public void Many_stars_take_no_exponential_time() =>
        Assert.False(Wildcard.IsMatch(string.Concat(Enumerable.Repeat("*a", 200)) + "b", new string('a', 2000)));

    [DllImport("libc", EntryPoint = "fnmatch")]
    private static extern int HostMatch([MarshalAs(UnmanagedType.LPUTF8Str)] string pattern, [MarshalAs(UnmanagedType.LPUTF8Str)] string text, int flags);

    [Fact]
    public void The_answers_are_those_of_the_host_library()
    {
        // glibc has its own view of what a range, a name or a quote may look like when it is not well formed: those stay out.
        string[] pieces = ["a", "b", "c", "*", "?", "[ab]", "[!b]", "[a-c]", "[^c]", "[[:alpha:]]", "[]a]", @"\*", @"\[", "-", "]", "[a"];
        string[] letters = ["a", "b", "c", "*", "[", "]", "-", @"\"];
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var pattern = string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => pieces[random.Next(pieces.Length)]));
            var text = string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => letters[random.Next(letters.Length)]));
            Assert.True((HostMatch(pattern, text, 0) == 0) == Wildcard.IsMatch(pattern, text), $"pattern {pattern} text {text}");
        }
    }
}
