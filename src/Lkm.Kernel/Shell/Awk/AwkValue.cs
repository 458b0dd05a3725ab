using System.Globalization;

namespace Lkm.Kernel.Shell.Awk;

/// <summary>A value of awk: a number, a string, or a string from outside that looks like a number and is both.</summary>
/// <param name="Text">The string; null for a number.</param>
/// <param name="Number">The number.</param>
/// <param name="IsNumeric">Whether it compares as a number.</param>
internal readonly record struct AwkValue(string? Text, double Number, bool IsNumeric)
{
    /// <summary>What a variable is that nothing was assigned to.</summary>
    public static AwkValue Nothing => new("", 0, true);

    /// <summary>Whether a condition that it is holds.</summary>
    public bool IsTrue => IsNumeric ? Number != 0 : Text!.Length > 0;

    /// <summary>A number.</summary>
    public static AwkValue Of(double number) => new(null, number, true);

    /// <summary>Truth, as 1 and 0.</summary>
    public static AwkValue Of(bool truth) => Of(truth ? 1 : 0);

    /// <summary>A string.</summary>
    public static AwkValue Of(string text) => new(text, Parse(text, out _), false);

    /// <summary>A string from outside: a field, or a variable of the command line.</summary>
    public static AwkValue FromInput(string text)
    {
        var number = Parse(text, out var isWhole);
        return new AwkValue(text, number, isWhole);
    }

    /// <summary>The string; a whole number has no fraction.</summary>
    /// <param name="format">How other numbers are written (CONVFMT, OFMT).</param>
    public string ToText(string format) => Text
        ?? (Math.Truncate(Number) == Number && Math.Abs(Number) < 1e18
            ? ((long)Number).ToString(CultureInfo.InvariantCulture)
            : AwkFormat.Format(format, [Of(Number)]));

    /// <summary>The number that a text begins with; 0 for none. As in busybox's awk, 0x10 and 020 are 16.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isWhole">Whether there is nothing else in it but blanks.</param>
    private static double Parse(string text, out bool isWhole)
    {
        if (text.Length > 1 && text[0] == '0' && (text[1] is 'x' or 'X' || char.IsAsciiDigit(text[1])) && TryInteger(text, out var integer, out isWhole))
            return integer;
        isWhole = false;
        var at = 0;
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
        var start = at;
        if (at < text.Length && text[at] is '+' or '-')
            at++;
        var digits = Digits(text, ref at);
        if (at < text.Length && text[at] == '.')
        {
            at++;
            digits += Digits(text, ref at);
        }

        if (digits == 0)
            return 0;
        var end = at;
        if (at < text.Length && text[at] is 'e' or 'E')
        {
            at++;
            if (at < text.Length && text[at] is '+' or '-')
                at++;
            end = Digits(text, ref at) > 0 ? at : end;
        }

        isWhole = text.AsSpan(end).IsWhiteSpace();
        return double.Parse(text.AsSpan(start, end - start), NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <summary>A hexadecimal or octal number; 009 and 00.5 are decimal.</summary>
    private static bool TryInteger(string text, out double number, out bool isWhole)
    {
        var isHex = text[1] is 'x' or 'X';
        var at = isHex ? 2 : 1;
        number = 0;
        for (; at < text.Length && (isHex ? char.IsAsciiHexDigit(text[at]) : text[at] is >= '0' and <= '7'); at++)
            number = (number * (isHex ? 16 : 8)) + Convert.ToInt32(text.Substring(at, 1), 16);
        isWhole = text.AsSpan(at).IsWhiteSpace();
        return isHex || at == text.Length || !(char.IsAsciiDigit(text[at]) || text[at] == '.');
    }

    private static int Digits(string text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        return at - start;
    }
}
