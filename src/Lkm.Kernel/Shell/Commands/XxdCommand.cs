using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>xxd: bytes in hexadecimal, in groups, with their characters beside; or nothing but the digits (-p).</summary>
internal static class XxdCommand
{
    private const int DefaultColumns = 16, PlainColumns = 30, DefaultGroup = 2, MostColumns = 256;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "pl:s:c:g:");
        if (options.Problem is not null || options.Operands.Count > 1)
            return await c.Misused(options.Problem);
        var isPlain = options.Has('p');
        long most = long.MaxValue, skip = 0, columns = isPlain ? PlainColumns : DefaultColumns, group = DefaultGroup;
        foreach (var letter in "lscg")
        {
            if (options.Value(letter) is not { } text)
                continue;
            if (!Numbers.TrySize(text, out var value))
                return await c.Fail($"invalid number '{text}'");
            _ = letter switch { 'l' => most = value, 's' => skip = value, 'c' => columns = value, _ => group = value };
        }

        if (columns is < 1 or > MostColumns)
            return await c.Fail($"invalid number of columns: 1 to {MostColumns} are possible");
        if (group < 1 || group > columns)
            group = columns;
        var rows = new ByteRows((int)columns, skip, most);
        var status = await c.ForEachInput(options.Operands, (_, input) => rows.Take(c, input, Print));
        rows.End(Print);
        return status;

        void Print(long offset, ReadOnlySpan<byte> row) => c.Print(isPlain ? Convert.ToHexStringLower(row) + "\n" : Line(offset, row, (int)columns, (int)group));
    }

    private static string Line(long offset, ReadOnlySpan<byte> row, int columns, int group)
    {
        var line = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{offset:x8}:"));
        for (var i = 0; i < columns; i++)
            line.Append(i % group == 0 ? " " : "").Append(i < row.Length ? row[i].ToString("x2", CultureInfo.InvariantCulture) : "  ");
        line.Append("  ");
        foreach (var b in row)
            line.Append(b is >= 0x20 and < 0x7f ? (char)b : '.');
        return line.Append('\n').ToString();
    }
}
