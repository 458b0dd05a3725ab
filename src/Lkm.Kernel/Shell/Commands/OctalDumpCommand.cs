using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>od: rows of 16 bytes, or of as many as -w says, as numbers or characters, each format in a line of its own. A row like the one before is a star (-v: is printed).</summary>
internal static class OctalDumpCommand
{
    private const int UsualWidth = 16;

    /// <summary>How bytes are shown: kind d, u, o, x or c, and how many bytes make a number.</summary>
    private readonly record struct Format(char Kind, int Size)
    {
        /// <summary>What a number takes, without the blank before it: the digits of the largest, and a sign.</summary>
        public int FieldWidth => (Kind, Size) switch
        {
            ('c', _) => 3,
            ('x', _) => 2 * Size,
            ('o', _) => (8 * Size + 2) / 3,
            (_, 1) => Kind == 'd' ? 4 : 3,
            (_, 2) => Kind == 'd' ? 6 : 5,
            (_, 4) => Kind == 'd' ? 11 : 10,
            _ => 20,
        };
    }

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "bcdhiloxsvt:A:N:j:w:");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var formats = new List<Format>();
        foreach (var letter in "bcdhiloxs")
        {
            if (options.Has(letter))
                formats.Add(OfLetter(letter));
        }

        foreach (var type in options.Values('t'))
        {
            if (!TryFormats(type, formats, out var problem))
                return await c.Fail(problem);
        }

        if (formats.Count == 0)
            formats.Add(OfLetter('o'));
        var radix = options.Value('A') ?? "o";
        if (radix is not ("o" or "d" or "x" or "n"))
            return await c.Fail($"bad output address radix '{radix}': it must be one of d, o, x and n");
        long most = long.MaxValue, skip = 0;
        if (options.Value('N') is { } length && !Numbers.TrySize(length, out most))
            return await c.Fail($"invalid number '{length}'");
        if (options.Value('j') is { } offset && !Numbers.TrySize(offset, out skip))
            return await c.Fail($"invalid number '{offset}'");
        long width = UsualWidth;
        if (options.Value('w') is { } columns && (!Numbers.TrySize(columns, out width) || width is < 1 or > 4096))
            return await c.Fail($"invalid number '{columns}'");
        var largest = formats.Max(format => format.Size);
        if (width % largest != 0)
        {
            await c.Complain($"warning: invalid width {width}; using {largest} instead");
            width = largest;
        }

        return await Print(c, options, formats, radix[0], (int)width, new ByteRows((int)width, skip, most));
    }

    private static async GuestTask<int> Print(CommandContext c, Options options, List<Format> formats, char radix, int width, ByteRows rows)
    {
        byte[]? last = null;
        var isRepeating = false;
        var status = await c.ForEachInput(options.Operands, (_, input) => rows.Take(c, input, PrintRow));
        if (status == 0 && rows.IsTooShort)
            return await c.Fail("can't skip past end of combined input");
        rows.End(PrintRow);
        if (radix != 'n')
            c.Print(Address(rows.Offset, radix) + "\n");
        return status;

        void PrintRow(long at, ReadOnlySpan<byte> row)
        {
            var isSame = !options.Has('v') && row.Length == width && last is not null && row.SequenceEqual(last);
            if (isSame && !isRepeating)
                c.Print("*\n");
            isRepeating = isSame;
            last = row.ToArray();
            if (isSame)
                return;
            var address = Address(at, radix);
            foreach (var format in formats)
            {
                c.Print($"{address}{Line(row, format, width)}\n");
                address = new string(' ', address.Length);
            }
        }
    }

    private static string Address(long offset, char radix) => radix switch
    {
        'o' => Convert.ToString(offset, 8).PadLeft(7, '0'),
        'd' => offset.ToString("d7", CultureInfo.InvariantCulture),
        'x' => offset.ToString("x6", CultureInfo.InvariantCulture),
        _ => "",
    };

    private static string Line(ReadOnlySpan<byte> row, Format format, int width)
    {
        Span<byte> padded = stackalloc byte[width]; // a number that the input ends in has zeros behind
        padded.Clear();
        row.CopyTo(padded);
        var line = new StringBuilder();
        for (var i = 0; i < row.Length; i += format.Size)
            line.Append(' ').Append(Field(padded.Slice(i, format.Size), format).PadLeft(format.FieldWidth));
        return line.ToString();
    }

    private static string Field(ReadOnlySpan<byte> bytes, Format format)
    {
        if (format.Kind == 'c')
            return Character(bytes[0]);
        long value = bytes.Length switch
        {
            1 => format.Kind == 'd' ? (sbyte)bytes[0] : bytes[0],
            2 => format.Kind == 'd' ? BinaryPrimitives.ReadInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            4 => format.Kind == 'd' ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            _ => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        };
        return format.Kind switch
        {
            'x' => value.ToString("x", CultureInfo.InvariantCulture).PadLeft(format.FieldWidth, '0'),
            'o' => Convert.ToString(value, 8).PadLeft(format.FieldWidth, '0'),
            'u' => ((ulong)value).ToString(CultureInfo.InvariantCulture),
            _ => value.ToString(CultureInfo.InvariantCulture),
        };
    }

    private static string Character(byte b) => b switch
    {
        0 => "\\0",
        (byte)'\a' => "\\a",
        (byte)'\b' => "\\b",
        (byte)'\f' => "\\f",
        (byte)'\n' => "\\n",
        (byte)'\r' => "\\r",
        (byte)'\t' => "\\t",
        (byte)'\v' => "\\v",
        >= 0x20 and < 0x7f => ((char)b).ToString(),
        _ => Convert.ToString(b, 8).PadLeft(3, '0'),
    };

    private static Format OfLetter(char letter) => letter switch
    {
        'b' => new Format('o', 1),
        'c' => new Format('c', 1),
        'd' => new Format('u', 2),
        'h' or 'x' => new Format('x', 2),
        'i' or 's' => new Format('d', 2),
        'l' => new Format('d', 4),
        _ => new Format('o', 2),
    };

    /// <summary>Reads the value of -t: letters, each with a size in bytes or one of C, S, I and L; 4 bytes without.</summary>
    private static bool TryFormats(string type, List<Format> formats, out string problem)
    {
        problem = "";
        for (var i = 0; i < type.Length;)
        {
            var kind = type[i++];
            if (kind is not ('c' or 'd' or 'o' or 'u' or 'x'))
            {
                problem = $"invalid character '{kind}' in type string '{type}'";
                return false;
            }

            if (kind == 'c')
            {
                formats.Add(new Format('c', 1));
                continue;
            }

            var start = i;
            while (i < type.Length && char.IsAsciiDigit(type[i]))
                i++;
            var size = i == start && i < type.Length && type[i] is 'C' or 'S' or 'I' or 'L'
                ? type[i++] switch { 'C' => "1", 'S' => "2", 'I' => "4", _ => "8" }
                : type[start..i];
            if (size is not ("" or "1" or "2" or "4" or "8"))
            {
                problem = $"invalid type string '{type}'; {size}-byte integral type is not supported";
                return false;
            }

            formats.Add(new Format(kind, size.Length == 0 ? 4 : size[0] - '0'));
        }

        return true;
    }
}
