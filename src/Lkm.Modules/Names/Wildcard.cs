namespace Lkm.Modules;

/// <summary>
/// Shell wildcards as <c>fnmatch(3)</c> without flags matches them in the C locale: <c>*</c>, <c>?</c>, bracket expressions with ranges,
/// negation and named classes, and <c>\</c> to quote. Aliases of modules are such patterns.
/// </summary>
/// <remarks>Time is at most the product of both lengths: only the last <c>*</c> is ever tried again.</remarks>
public static class Wildcard
{
    /// <summary>Whether the whole text fits the pattern.</summary>
    public static bool IsMatch(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        foreach (var c in pattern)
        {
            if (c is '*' or '?' or '[' or '\\')
            {
                return IsMatch(LosslessText.Encode(pattern), LosslessText.Encode(text));
            }
        }
        return pattern.SequenceEqual(text);
    }

    /// <summary>Whether the whole text fits the pattern, both as bytes.</summary>
    public static bool IsMatch(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        int p = 0, t = 0, retryPattern = -1, retryText = 0;
        while (true)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                retryPattern = ++p;
                retryText = t;
                continue;
            }
            if (t == text.Length)
            {
                return p == pattern.Length;
            }
            if (p < pattern.Length && MatchOne(pattern, ref p, text[t]))
            {
                t++;
                continue;
            }
            if (retryPattern < 0)
            {
                return false;
            }
            p = retryPattern;
            t = ++retryText;
        }
    }

    /// <summary>Matches one byte with the pattern element at <paramref name="p"/>, which moves past the element on success.</summary>
    private static bool MatchOne(ReadOnlySpan<byte> pattern, ref int p, byte c)
    {
        switch (pattern[p])
        {
            case (byte)'?':
                p++;
                return true;
            case (byte)'\\':
                if (p + 1 == pattern.Length || pattern[p + 1] != c)
                {
                    return false;
                }
                p += 2;
                return true;
            case (byte)'[':
                var end = BracketEnd(pattern, p);
                if (end > 0)
                {
                    if (!InBracket(pattern[(p + 1)..(end - 1)], c))
                    {
                        return false;
                    }
                    p = end;
                    return true;
                }
                goto default; // a bracket that is never closed stands for itself
            default:
                if (pattern[p] != c)
                {
                    return false;
                }
                p++;
                return true;
        }
    }

    /// <summary>The position after the bracket expression that starts at <paramref name="start"/>, or -1 if it is never closed.</summary>
    private static int BracketEnd(ReadOnlySpan<byte> pattern, int start)
    {
        var i = start + 1;
        if (i < pattern.Length && pattern[i] is (byte)'!' or (byte)'^')
        {
            i++;
        }
        for (var first = true; i < pattern.Length; i++, first = false)
        {
            switch (pattern[i])
            {
                case (byte)']' when !first:
                    return i + 1;
                case (byte)'\\':
                    i++;
                    break;
                case (byte)'[' when i + 1 < pattern.Length && pattern[i + 1] is (byte)':' or (byte)'.' or (byte)'=':
                    var length = NamedLength(pattern[i..]);
                    i += length > 0 ? length - 1 : 0;
                    break;
            }
        }
        return -1;
    }

    /// <summary>The length of <c>[:name:]</c>, <c>[.c.]</c> or <c>[=c=]</c> at the start of the span; 0 if it is none.</summary>
    private static int NamedLength(ReadOnlySpan<byte> at)
    {
        for (var i = 2; i + 1 < at.Length; i++)
        {
            if (at[i] == at[1] && at[i + 1] == ']')
            {
                return i + 2;
            }
        }
        return 0;
    }

    private static bool InBracket(ReadOnlySpan<byte> set, byte c)
    {
        var negated = set is [(byte)'!' or (byte)'^', ..];
        if (negated)
        {
            set = set[1..];
        }
        var found = false;
        while (!set.IsEmpty)
        {
            if (set is [(byte)'[', (byte)':', ..] && NamedLength(set) is > 0 and var length)
            {
                found |= InClass(set[2..(length - 2)], c);
                set = set[length..];
                continue;
            }
            var low = Member(ref set);
            var high = low;
            if (set is [(byte)'-', _, ..])
            {
                set = set[1..];
                high = Member(ref set);
            }
            found |= low <= c && c <= high;
        }
        return found != negated;
    }

    /// <summary>Takes one member of a set: a plain byte, a quoted one, or the byte that <c>[.c.]</c> or <c>[=c=]</c> names.</summary>
    private static byte Member(ref ReadOnlySpan<byte> set)
    {
        if (set is [(byte)'[', (byte)'.' or (byte)'=', ..] && NamedLength(set) == 5)
        {
            var named = set[2];
            set = set[5..];
            return named;
        }
        if (set is [(byte)'\\', _, ..])
        {
            set = set[1..];
        }
        var plain = set[0];
        set = set[1..];
        return plain;
    }

    private static bool InClass(ReadOnlySpan<byte> name, byte c)
    {
        var letter = (char)c;
        return letter < 0x80 && (
            name.SequenceEqual("alpha"u8) ? char.IsAsciiLetter(letter) :
            name.SequenceEqual("digit"u8) ? char.IsAsciiDigit(letter) :
            name.SequenceEqual("alnum"u8) ? char.IsAsciiLetterOrDigit(letter) :
            name.SequenceEqual("upper"u8) ? char.IsAsciiLetterUpper(letter) :
            name.SequenceEqual("lower"u8) ? char.IsAsciiLetterLower(letter) :
            name.SequenceEqual("xdigit"u8) ? char.IsAsciiHexDigit(letter) :
            name.SequenceEqual("space"u8) ? letter is ' ' or (>= '\t' and <= '\r') :
            name.SequenceEqual("blank"u8) ? letter is ' ' or '\t' :
            name.SequenceEqual("cntrl"u8) ? letter is < ' ' or '\x7F' :
            name.SequenceEqual("print"u8) ? letter is >= ' ' and < '\x7F' :
            name.SequenceEqual("graph"u8) ? letter is > ' ' and < '\x7F' :
            name.SequenceEqual("punct"u8) && letter is > ' ' and < '\x7F' && !char.IsAsciiLetterOrDigit(letter));
    }
}
