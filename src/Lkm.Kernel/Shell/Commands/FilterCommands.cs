using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>cut, sort, uniq, tr, seq and printf.</summary>
internal static class FilterCommands
{
    private const int TranslateSize = 8192;

    /// <summary>cut -c LIST, or -f LIST with -d: characters or fields of each line.</summary>
    public static async GuestTask<int> Cut(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "b:c:f:d:s");
        var list = options.Value('f') ?? options.Value('c') ?? options.Value('b');
        if (options.Problem is not null || list is null || !TryRanges(list, out var ranges))
            return await c.Misused(options.Problem);
        var delimiter = options.Value('d') ?? "\t";
        return await ForEachLine(c, options.Operands, line =>
        {
            if (options.Value('f') is null)
                return string.Concat(line.Where((_, i) => Selects(ranges, i + 1)));
            if (!line.Contains(delimiter, StringComparison.Ordinal))
                return options.Has('s') ? null : line;
            return string.Join(delimiter, line.Split(delimiter).Where((_, i) => Selects(ranges, i + 1)));
        });
    }

    /// <summary>sort -n -r -u: all lines, in order.</summary>
    public static async GuestTask<int> Sort(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "nrufk:t:");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var field = 0;
        if (options.Value('k') is { } key && !int.TryParse(key.Split(',')[0], NumberStyles.None, CultureInfo.InvariantCulture, out field))
            return await c.Fail($"invalid key '{key}'");
        var lines = new List<string>();
        var status = await ForEachLine(c, options.Operands, line =>
        {
            lines.Add(line);
            return null;
        });
        IEnumerable<string> sorted = lines.Order(Comparer<string>.Create(Compare));
        if (options.Has('r'))
            sorted = sorted.Reverse();
        foreach (var line in options.Has('u') ? sorted.Distinct() : sorted)
            c.Print(line + "\n");
        return status;

        int Compare(string one, string other)
        {
            var (a, b) = (Key(one), Key(other));
            var order = options.Has('n') ? Number(a).CompareTo(Number(b)) : string.CompareOrdinal(a, b);
            return order != 0 ? order : string.CompareOrdinal(one, other);
        }

        string Key(string line)
        {
            if (field == 0)
                return line;
            var fields = options.Value('t') is { } separator ? line.Split(separator) : line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return field <= fields.Length ? fields[field - 1] : "";
        }
    }

    /// <summary>uniq -c -d -u: one of each run of equal lines.</summary>
    public static async GuestTask<int> Unique(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "cdu");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        string? last = null;
        var count = 0;
        var status = await ForEachLine(c, options.Operands, line =>
        {
            if (line == last)
            {
                count++;
                return null;
            }

            Flush();
            (last, count) = (line, 1);
            return null;
        });
        Flush();
        return status;

        void Flush()
        {
            if (last is not null && !(options.Has('d') && count == 1) && !(options.Has('u') && count > 1))
                c.Print(options.Has('c') ? $"{count,7} {last}\n" : last + "\n");
        }
    }

    /// <summary>tr [-d] SET1 [SET2]: other characters for some, or none.</summary>
    public static async GuestTask<int> Translate(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "ds");
        if (options.Problem is not null || options.Operands.Count != (options.Has('d') || (options.Has('s') && options.Operands.Count == 1) ? 1 : 2))
            return await c.Misused(options.Problem);
        var from = Set(options.Operands[0]);
        var to = options.Operands.Count > 1 ? Set(options.Operands[1]) : [];
        var last = -1;
        for (; ; )
        {
            var read = await c.Input.Read(TranslateSize);
            if (read.IsEnd)
                return 0;
            using var output = new MemoryStream();
            foreach (var b in read.Bytes)
            {
                var at = from.IndexOf((char)b);
                if (at >= 0 && options.Has('d'))
                    continue;
                var written = at >= 0 && to.Count > 0 ? (byte)to[Math.Min(at, to.Count - 1)] : b;
                if (options.Has('s') && at >= 0 && written == last)
                    continue;
                output.WriteByte(written);
                last = written;
            }

            await c.WriteThrough(output.ToArray());
        }
    }

    /// <summary>seq [FIRST [STEP]] LAST.</summary>
    public static async GuestTask<int> Sequence(CommandContext c)
    {
        var numbers = new List<long>();
        foreach (var word in c.Arguments)
        {
            if (!long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
                return await c.Fail($"invalid number '{word}'");
            numbers.Add(number);
        }

        var (first, step, last) = numbers switch
        {
            [var only] => (1L, 1L, only),
            [var from, var to] => (from, 1L, to),
            [var from, var by, var to] => (from, by, to),
            _ => (0L, 0L, 0L),
        };
        if (step == 0)
            return await c.Misused();
        for (var i = first; (step > 0 ? i <= last : i >= last) && !c.OutputFailed; i += step)
        {
            c.Print($"{i}\n");
            await c.FlushIfLong();
        }

        return 0;
    }

    /// <summary>printf FORMAT [WORD]...: %s %d %u %x %o %c %% with widths, and echo's escapes.</summary>
    public static async GuestTask<int> PrintFormatted(CommandContext c)
    {
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var newline = false;
        using var output = new MemoryStream();
        var next = 1;
        do
        {
            var before = next;
            output.Write(EchoEscapes.Decode(Format(c.Arguments[0], c.Arguments, ref next), ref newline));
            if (next == before)
                break;
        }
        while (next < c.Arguments.Count);
        await c.WriteThrough(output.ToArray());
        return 0;
    }

    private static string Format(string format, List<string> arguments, ref int next)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            var start = ++i;
            while (i < format.Length && (char.IsAsciiDigit(format[i]) || format[i] is '-' or '#' or '.' or '+' or ' '))
                i++;
            if (i == format.Length)
                break;
            if (format[i] == '%')
            {
                text.Append('%');
                continue;
            }

            var flags = format[start..i];
            var value = next < arguments.Count ? arguments[next] : "";
            next++;
            var shown = format[i] switch
            {
                's' or 'b' => value,
                'c' => value.Length > 0 ? value[..1] : "",
                'x' => (flags.Contains('#') ? "0x" : "") + Number(value).ToString("x", CultureInfo.InvariantCulture),
                'X' => Number(value).ToString("X", CultureInfo.InvariantCulture),
                'o' => Convert.ToString(Number(value), 8),
                _ => Number(value).ToString(CultureInfo.InvariantCulture),
            };
            var digits = flags.Trim('-', '#', '+', ' ').Split('.')[0];
            const int widest = 1000;
            var width = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var w) ? Math.Min(w, widest) : 0;
            text.Append(flags.Contains('-') ? shown.PadRight(width) : digits.StartsWith('0') ? shown.PadLeft(width, '0') : shown.PadLeft(width));
        }

        return text.ToString();
    }

    /// <summary>A number as C writes it, at the beginning of a text; 0 when there is none.</summary>
    private static long Number(string text)
    {
        text = text.Trim();
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : 0;
        var end = text.StartsWith('-') ? 1 : 0;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;
        return long.TryParse(text.AsSpan(0, end), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    private static List<char> Set(string text)
    {
        text = text.Replace("[:upper:]", "A-Z").Replace("[:lower:]", "a-z").Replace("[:digit:]", "0-9").Replace("[:space:]", "\\t\\n\\r ");
        var newline = true;
        text = Encoding.Latin1.GetString(EchoEscapes.Decode(text, ref newline));
        var set = new List<char>();
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 2 < text.Length && text[i + 1] == '-' && text[i + 2] >= text[i])
            {
                for (var c = text[i]; c <= text[i + 2]; c++)
                    set.Add(c);
                i += 2;
            }
            else
            {
                set.Add(text[i]);
            }
        }

        return set;
    }

    private static bool TryRanges(string list, out List<(int First, int Last)> ranges)
    {
        ranges = [];
        foreach (var item in list.Split(','))
        {
            var dash = item.IndexOf('-');
            var (first, last) = dash < 0 ? (item, item) : (item[..dash], item[(dash + 1)..]);
            var (from, to) = (1, int.MaxValue);
            if ((first.Length > 0 && !int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out from))
                || (last.Length > 0 && !int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out to)) || item is "" or "-")
                return false;
            ranges.Add((from, to));
        }

        return true;
    }

    private static bool Selects(List<(int First, int Last)> ranges, int number) => ranges.Exists(range => range.First <= number && number <= range.Last);

    /// <summary>Prints what becomes of each line; null for nothing.</summary>
    internal static async GuestTask<int> ForEachLine(CommandContext c, IReadOnlyList<string> paths, Func<string, string?> change) =>
        await c.ForEachInput(paths, async (_, input) =>
        {
            var rest = Array.Empty<byte>();
            while (!c.OutputFailed)
            {
                var read = await input.Read(TextCommands.StreamSize);
                byte[] bytes = rest.Length == 0 ? read.Bytes : [.. rest, .. read.Bytes];
                var start = 0;
                for (int length; (length = bytes.AsSpan(start).IndexOf((byte)'\n')) >= 0; start += length + 1)
                    Look(bytes.AsSpan(start, length));
                rest = bytes[start..];
                if (read.IsEnd)
                {
                    if (rest.Length > 0)
                        Look(rest);
                    return read.Error;
                }

                await c.FlushIfLong();
            }

            return Errno.OK;

            void Look(ReadOnlySpan<byte> line)
            {
                if (change(Encoding.UTF8.GetString(line)) is { } changed)
                    c.Print(changed + "\n");
            }
        });
}
