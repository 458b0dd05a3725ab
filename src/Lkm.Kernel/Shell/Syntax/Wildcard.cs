using System.Text;

namespace Lkm.Kernel.Shell.Syntax;

/// <summary>Shell patterns: *, ?, [...], and a backslash before what is meant literally (POSIX.1-2017, XCU 2.13).</summary>
internal static class Wildcard
{
    /// <summary>Whether a pattern has any wildcard.</summary>
    public static bool IsPattern(string pattern)
    {
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\')
                i++;
            else if (pattern[i] is '*' or '?' or '[')
                return true;
        }

        return false;
    }

    /// <summary>Writes text so that it matches itself.</summary>
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny(@"*?[\") < 0)
            return text;
        var escaped = new StringBuilder();
        foreach (var c in text)
            escaped.Append(c is '*' or '?' or '[' or '\\' ? "\\" : "").Append(c);
        return escaped.ToString();
    }

    /// <summary>The text that a pattern without wildcards stands for.</summary>
    public static string Unescape(string pattern)
    {
        if (!pattern.Contains('\\'))
            return pattern;
        var text = new StringBuilder();
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\' && i + 1 < pattern.Length)
                i++;
            text.Append(pattern[i]);
        }

        return text.ToString();
    }

    /// <summary>Whether a whole text matches. Takes time in proportion to the product of the lengths at most.</summary>
    public static bool Matches(string pattern, string text)
    {
        int p = 0, t = 0, star = -1, starText = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                starText = t;
            }
            else if (p < pattern.Length && MatchesOne(pattern, p, text[t]) is var next and > 0)
            {
                p = next;
                t++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++starText;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }

    /// <summary>Matches one character.</summary>
    /// <returns>Where the pattern goes on, or 0 when the character does not match.</returns>
    private static int MatchesOne(string pattern, int p, char c)
    {
        switch (pattern[p])
        {
            case '?':
                return p + 1;
            case '\\' when p + 1 < pattern.Length:
                return pattern[p + 1] == c ? p + 2 : 0;
            case '[' when MatchesSet(pattern, p, c, out var end) is { } matches:
                return matches ? end : 0;
            default:
                return pattern[p] == c ? p + 1 : 0;
        }
    }

    /// <summary>Matches a bracket expression; null when the bracket is never closed, and so is an ordinary character.</summary>
    private static bool? MatchesSet(string pattern, int p, char c, out int end)
    {
        var i = p + 1;
        var negated = i < pattern.Length && pattern[i] is '!' or '^';
        if (negated)
            i++;
        var found = false;
        for (var first = i; i < pattern.Length; i++)
        {
            if (pattern[i] == ']' && i > first)
            {
                end = i + 1;
                return found != negated;
            }

            if (pattern[i] == '\\' && i + 1 < pattern.Length)
                i++;
            var low = pattern[i];
            var high = low;
            if (i + 2 < pattern.Length && pattern[i + 1] == '-' && pattern[i + 2] != ']')
            {
                high = pattern[i + 2];
                i += 2;
            }

            found |= c >= low && c <= high;
        }

        end = 0;
        return null;
    }
}
