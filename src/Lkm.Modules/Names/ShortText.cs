namespace Lkm.Modules;

/// <summary>
/// Searches in short texts by plain loops. Those of .NET compare many characters at once, and the vector types that they are made of take longer to
/// load than a small tool has time for.
/// </summary>
internal static class ShortText
{
    /// <summary>Where the character first stands, or -1.</summary>
    public static int IndexOf(ReadOnlySpan<char> text, char character)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == character)
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>Where the byte first stands, or -1.</summary>
    public static int IndexOf(ReadOnlySpan<byte> text, byte character)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == character)
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>Where the character last stands, or -1.</summary>
    public static int LastIndexOf(ReadOnlySpan<char> text, char character)
    {
        var i = text.Length - 1;
        while (i >= 0 && text[i] != character)
        {
            i--;
        }
        return i;
    }

    /// <summary>How many bytes are the same at the start of both.</summary>
    public static int CommonPrefix(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        var i = 0;
        while (i < a.Length && i < b.Length && a[i] == b[i])
        {
            i++;
        }
        return i;
    }

    /// <summary>Reads a decimal number, which may be negative.</summary>
    /// <returns>False if the text is none, or too great a one.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        var digits = text is ['-', ..] ? text[1..] : text;
        foreach (var c in digits)
        {
            if (!char.IsAsciiDigit(c) || number > long.MaxValue / 10 - 1)
            {
                return false;
            }
            number = number * 10 + (c - '0');
        }
        number = digits.Length < text.Length ? -number : number;
        return digits.Length > 0;
    }
}
