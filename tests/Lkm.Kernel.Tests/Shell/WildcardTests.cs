using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Tests.Shell;

public class WildcardTests
{
    [Theory]
    [InlineData("*", "", true)]
    [InlineData("a*c", "abbc", true)]
    [InlineData("a*c", "abbd", false)]
    [InlineData("*a*b*", "xxaxxbxx", true)]
    [InlineData("?", "", false)]
    [InlineData("a?c", "abc", true)]
    [InlineData("[abc]", "b", true)]
    [InlineData("[a-c]x", "cx", true)]
    [InlineData("[!a-c]", "b", false)]
    [InlineData("[^a]", "b", true)]
    [InlineData("[]]", "]", true)]
    [InlineData("[a", "[a", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("a", "ab", false)]
    public void Patterns_match_whole_texts(string pattern, string text, bool matches) => Assert.Equal(matches, Wildcard.Matches(pattern, text));

    [Fact]
    public void An_escaped_text_matches_itself_and_comes_back()
    {
        const string letters = "ab*?[]\\-!";
        var random = new System.Random(2);
        for (var i = 0; i < 5_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => letters[random.Next(letters.Length)]));
            Assert.True(Wildcard.Matches(Wildcard.Escape(text), text), text);
            Assert.Equal(text, Wildcard.Unescape(Wildcard.Escape(text)));
            Assert.False(Wildcard.IsPattern(Wildcard.Escape(text)));
            Wildcard.Matches(text, text);
        }
    }

    [Fact]
    public void Many_stars_take_no_exponential_time() =>
        Assert.False(Wildcard.Matches(string.Concat(Enumerable.Repeat("a*", 50)) + "b", new string('a', 5_000)));
}
