using System.Text;
using System.Text.Json;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ksyms: the symbols of /proc/kallsyms, those of modules too; or with -e those that modules may use, and on which terms.</summary>
internal static class SymbolsCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "ej", ("exported", 'e'), ("json", 'j'));
        if (options.Problem is not null || options.Operands.Count > 1)
            return await c.Misused(options.Problem);
        var pattern = options.Operands is [var given] ? given : "*";
        if (!Wildcard.IsPattern(pattern))
            pattern = $"*{pattern}*";
        return options.Has('e') ? PrintExports(c, pattern, options.Has('j')) : await PrintAll(c, pattern, options.Has('j'));
    }

    private static int PrintExports(CommandContext c, string pattern, bool asJson)
    {
        var exports = c.Shell.Modules.Exports().Where(symbol => Wildcard.Matches(pattern, symbol.Name));
        if (asJson)
        {
            c.PrintJson(json =>
            {
                json.WriteStartArray("symbols");
                foreach (var symbol in exports)
                {
                    json.WriteStartObject();
                    json.WriteString("address", $"{symbol.Address:x16}");
                    json.WriteString("name", symbol.Name);
                    json.WriteString("module", symbol.Module);
                    json.WriteBoolean("gplOnly", symbol.GplOnly);
                    json.WriteString("namespace", symbol.Namespace);
                    json.WriteString("crc", symbol.Crc is { } crc ? $"{crc:x8}" : null);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            });
            return 0;
        }

        foreach (var symbol in exports)
        {
            var terms = (symbol.GplOnly ? " GPL" : "") + (symbol.Namespace is { } space ? $" namespace {space}" : "");
            c.Print($"{symbol.Address:x16} {symbol.Name}{(symbol.Module is { } module ? $"\t[{module}]" : "")}{terms}\n");
        }

        return 0;
    }

    private static async GuestTask<int> PrintAll(CommandContext c, string pattern, bool asJson)
    {
        var descriptor = await c.Files.Open("/proc/kallsyms", OpenFlags.ReadOnly);
        if (descriptor < 0)
            return await c.Fail("can't open '/proc/kallsyms'", (Errno)(-descriptor));
        var found = new List<string>();
        var rest = "";
        ReadResult read;
        while (!(read = await c.Files.Read(descriptor, c.Files.Process.BufferLength)).IsEnd && !c.OutputFailed)
        {
            var lines = (rest + Encoding.UTF8.GetString(read.Bytes)).Split('\n');
            rest = lines[^1];
            foreach (var line in lines[..^1])
            {
                if (!Wildcard.Matches(pattern, Name(line)))
                    continue;
                if (asJson)
                    found.Add(line);
                else
                    c.Print(line + "\n");
            }

            await c.FlushIfLong();
        }

        await c.Files.Close(descriptor);
        if (read.Error != Errno.OK)
            return await c.Fail("read error", read.Error);
        if (asJson)
            c.PrintJson(json => Write(json, found));
        return 0;
    }

    private static void Write(Utf8JsonWriter json, List<string> lines)
    {
        json.WriteStartArray("symbols");
        foreach (var line in lines)
        {
            var module = line.IndexOf('[');
            json.WriteStartObject();
            json.WriteString("address", line.AsSpan(0, line.IndexOf(' ')));
            json.WriteString("type", line.AsSpan(line.IndexOf(' ') + 1, 1));
            json.WriteString("name", Name(line));
            json.WriteString("module", module < 0 ? null : line[(module + 1)..].TrimEnd(']'));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The third word of a line "ffffffff81000000 T name [module]"; a tab stands before the module.</summary>
    private static string Name(string line)
    {
        var start = line.IndexOf(' ') + 3;
        if (start < 3 || start >= line.Length)
            return "";
        var end = line.AsSpan(start).IndexOfAny('\t', ' ');
        return end < 0 ? line[start..] : line.Substring(start, end);
    }
}
