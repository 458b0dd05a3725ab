using System.Globalization;
using System.Text;

namespace Lkm.Kernel.Shell.Awk;

/// <summary>printf(3) as awk has it: %d %i %o %x %X %u %c %s %e %f %g and %%, with flags, width and precision.</summary>
internal static class AwkFormat
{
    private const int Widest = 4096;

    /// <summary>Writes values by a format.</summary>
    public static string Format(string format, IReadOnlyList<AwkValue> values)
    {
        var text = new StringBuilder();
        var next = 0;
        for (var at = 0; at < format.Length; at++)
        {
            if (format[at] != '%' || at + 1 == format.Length)
            {
                text.Append(format[at]);
                continue;
            }

            at++;
            var flags = at;
            while (at < format.Length && "-+ #0".Contains(format[at]))
                at++;
            var flagText = format[flags..at];
            var width = Number(format, ref at, values, ref next) ?? 0;
            int? precision = null;
            if (at < format.Length && format[at] == '.')
            {
                at++;
                precision = Number(format, ref at, values, ref next) ?? 0;
            }

            if (at == format.Length)
                throw new AwkException($"a format ends in the middle: {format}");
            if (format[at] == '%')
            {
                text.Append('%');
                continue;
            }

            var value = next < values.Count ? values[next++] : AwkValue.Nothing;
            var isLeft = flagText.Contains('-') || width < 0;
            var converted = Convert(format[at], value, flagText, precision);
            var padding = Math.Min(Math.Abs(width), Widest) - converted.Length;
            if (padding <= 0)
                text.Append(converted);
            else if (isLeft)
                text.Append(converted).Append(' ', padding);
            else if (flagText.Contains('0') && format[at] is not ('s' or 'c'))
                text.Append(converted[0] is '-' or '+' ? converted[..1] : "").Append('0', padding).Append(converted[0] is '-' or '+' ? converted[1..] : converted);
            else
                text.Append(' ', padding).Append(converted);
        }

        return text.ToString();
    }

    private static int? Number(string format, ref int at, IReadOnlyList<AwkValue> values, ref int next)
    {
        if (at < format.Length && format[at] == '*')
        {
            at++;
            return next < values.Count ? (int)Math.Clamp(values[next++].Number, -Widest, Widest) : 0;
        }

        var start = at;
        while (at < format.Length && char.IsAsciiDigit(format[at]))
            at++;
        return at == start ? null : int.TryParse(format.AsSpan(start, at - start), out var number) ? Math.Min(number, Widest) : Widest;
    }

    private static string Convert(char letter, AwkValue value, string flags, int? precision)
    {
        switch (letter)
        {
            case 's':
                var text = value.ToText("%.6g");
                return precision < text.Length ? text[..precision.Value] : text;
            case 'c':
                return value.Text is { } characters && !value.IsNumeric ? (characters.Length > 0 ? characters[..1] : "") : ((char)(byte)value.Number).ToString();
            case 'd' or 'i':
                return Sign(Whole(value), flags) + Math.Abs((decimal)Whole(value)).ToString(CultureInfo.InvariantCulture).PadLeft(precision ?? 1, '0');
            case 'u':
                return ((ulong)Whole(value)).ToString(CultureInfo.InvariantCulture).PadLeft(precision ?? 1, '0');
            case 'x' or 'X':
                var hex = Whole(value).ToString(letter == 'x' ? "x" : "X", CultureInfo.InvariantCulture).PadLeft(precision ?? 1, '0');
                return flags.Contains('#') ? $"0{letter}{hex}" : hex;
            case 'o':
                return System.Convert.ToString(Whole(value), 8).PadLeft(precision ?? 1, '0');
            case 'f' or 'F':
                return Sign(value.Number, flags) + Math.Abs(value.Number).ToString("F" + (precision ?? 6), CultureInfo.InvariantCulture);
            case 'e' or 'E':
                return Sign(value.Number, flags) + Exponential(Math.Abs(value.Number), precision ?? 6, letter);
            case 'g' or 'G':
                return Sign(value.Number, flags) + General(Math.Abs(value.Number), Math.Max(precision ?? 6, 1), letter == 'g' ? 'e' : 'E');
            default:
                throw new AwkException($"the format has no %{letter}");
        }
    }

    private static long Whole(AwkValue value) => value.Number >= long.MaxValue ? long.MaxValue : value.Number <= long.MinValue ? long.MinValue : (long)value.Number;

    private static string Sign(double number, string flags) => number < 0 ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "";

    private static string Exponential(double number, int precision, char letter) =>
        number.ToString($"{(precision == 0 ? "0" : "0." + new string('0', precision))}{letter}+00", CultureInfo.InvariantCulture);

    private static string General(double number, int digits, char letter)
    {
        if (number == 0)
            return "0";
        var exponential = Exponential(number, digits - 1, letter);
        var at = exponential.IndexOf(letter);
        var exponent = int.Parse(exponential.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return exponent < -4 || exponent >= digits
            ? WithoutZeros(exponential[..at]) + exponential[at..]
            : WithoutZeros(number.ToString("F" + (digits - 1 - exponent), CultureInfo.InvariantCulture));
    }

    private static string WithoutZeros(string number) => number.Contains('.') ? number.TrimEnd('0').TrimEnd('.') : number;
}
