using System.Globalization;

namespace Lkm.Kernel.Shell;

/// <summary>Numbers and bytes as commands' arguments give them.</summary>
internal static class Numbers
{
    /// <summary>Reads a decimal number, or a hexadecimal one with 0x before it.</summary>
    public static bool TryUnsigned(string text, out ulong value) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    /// <summary>Reads a number of bytes or blocks: suffixes are b (512), k, K, M and G (powers of 1024).</summary>
    public static bool TrySize(string text, out long value)
    {
        var unit = text.Length == 0 || text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? 1 : text[^1] switch
        {
            'b' => 512,
            'k' or 'K' => 1L << 10,
            'M' => 1L << 20,
            'G' => 1L << 30,
            _ => 1,
        };
        value = 0;
        if (!TryUnsigned(unit == 1 ? text : text[..^1], out var number) || number > (ulong)(long.MaxValue / unit))
            return false;
        value = (long)number * unit;
        return true;
    }

    /// <summary>Reads an octal number, as of permissions.</summary>
    public static bool TryOctal(string text, out uint value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (c is < '0' or > '7' || value > 0x1fff)
                return false;
            value = (value * 8) + (uint)(c - '0');
        }

        return text.Length > 0;
    }

    /// <summary>Reads bytes from pairs of hexadecimal digits; blanks and colons between them do not matter.</summary>
    public static bool TryBytes(string text, out byte[] bytes)
    {
        bytes = [];
        var digits = text.Replace(" ", "").Replace(":", "");
        if (digits.Length % 2 != 0)
            return false;
        foreach (var c in digits)
        {
            if (!char.IsAsciiHexDigit(c))
                return false;
        }

        bytes = Convert.FromHexString(digits);
        return true;
    }
}
