using System.Text;
using System.Text.RegularExpressions;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>grep: fixed strings, basic and extended regular expressions.</summary>
internal static class GrepCommand
{
    private const int Misuse = 2;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "EFivcnqlohHwxse:A:B:C:m:");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var patterns = options.TakeExpressions();
        if (patterns.Count == 0)
            return await c.Misused();

        if (!TryCount(options.Value('A') ?? options.Value('C'), out var after) || !TryCount(options.Value('B') ?? options.Value('C'), out var before))
            return await c.Misused("a number of lines is needed");
        Regex regex;
        try
        {
            regex = Compile(patterns, options);
        }
        catch (Exception e) when (e is RegexParseException or NotSupportedException)
        {
            await c.Complain($"bad regex '{string.Join('\n', patterns)}': {e.Message}");
            return Misuse;
        }

        var found = false;
        var withName = options.Has('H') || (options.Operands.Count > 1 && !options.Has('h'));
        var status = await c.ForEachInput(options.Operands, async (path, input) =>
        {
            var name = path == "-" ? "(standard input)" : path;
            var search = new Search(c, options, regex, withName ? name : "", before, after);
            var error = await search.Run(input);
            if (options.Has('c') && !options.Has('q'))
                c.Print($"{(withName ? name + ":" : "")}{search.Count}\n");
            if (options.Has('l') && search.Count > 0)
                c.Print($"{name}\n");
            found |= search.Count > 0;
            return error;
        });
        return found && options.Has('q') ? 0 : status != 0 ? Misuse : found ? 0 : 1;
    }

    private static bool TryCount(string? text, out int count)
    {
        count = 0;
        return text is null || int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out count);
    }

    private static Regex Compile(List<string> patterns, Options options)
    {
        var alternatives = patterns.SelectMany(p => p.Split('\n')).Select(p =>
            options.Has('F') ? Regex.Escape(p) : PosixPattern.ToNative(p, options.Has('E')));
        var pattern = string.Join('|', alternatives.Select(p => $"(?:{p})"));
        if (options.Has('w'))
            pattern = $@"\b(?:{pattern})\b";
        if (options.Has('x'))
            pattern = $@"\A(?:{pattern})\z";
        return PosixPattern.CompileNative(pattern, options.Has('i'));
    }

    private sealed class Search(CommandContext c, Options options, Regex regex, string name, int before, int after)
    {
        private readonly Queue<(long Number, byte[] Line)> _earlier = new();
        private long _lastShown;
        private int _toShow;

        private readonly bool _isSilent = options.Has('q') || options.Has('c') || options.Has('l');
        private long _line;

        public long Count { get; private set; }

        public async GuestTask<Errno> Run(IByteSource input)
        {
            var rest = Array.Empty<byte>();
            while (!c.OutputFailed && !(Count > 0 && (options.Has('q') || options.Has('l'))))
            {
                var read = await input.Read(TextCommands.StreamSize);
                if (read.IsEnd)
                {
                    if (rest.Length > 0)
                        Look(rest);
                    return read.Error;
                }

                byte[] bytes = rest.Length == 0 ? read.Bytes : [.. rest, .. read.Bytes];
                var start = 0;
                for (int end; (end = bytes.AsSpan(start).IndexOf((byte)'\n')) >= 0; start += end + 1)
                    Look(bytes.AsSpan(start, end));
                rest = bytes[start..];
                await c.FlushIfLong();
            }

            return Errno.OK;
        }

        private void Look(ReadOnlySpan<byte> line)
        {
            _line++;
            var text = Encoding.UTF8.GetString(line);
            if (regex.IsMatch(text) == options.Has('v'))
            {
                ShowContext(line);
                return;
            }

            Count++;
            if (_isSilent)
                return;
            var head = Head(_line, ':');
            if (options.Has('o') && !options.Has('v'))
            {
                foreach (Match match in regex.Matches(text))
                {
                    if (match.Length > 0)
                        c.Print($"{head}{match.Value}\n");
                }

                return;
            }

            if (before + after > 0 && _lastShown > 0 && _line - _earlier.Count > _lastShown + 1)
                c.Print("--\n");
            while (_earlier.TryDequeue(out var earlier))
                Show(earlier.Number, '-', earlier.Line);
            Show(_line, ':', line);
            _toShow = after;
        }

        /// <summary>A line that does not match: shown behind one that did, or kept for one that may come.</summary>
        private void ShowContext(ReadOnlySpan<byte> line)
        {
            if (_isSilent || before + after == 0)
                return;
            if (_toShow > 0)
            {
                _toShow--;
                Show(_line, '-', line);
                return;
            }

            _earlier.Enqueue((_line, line.ToArray()));
            if (_earlier.Count > before)
                _earlier.Dequeue();
        }

        private void Show(long number, char mark, ReadOnlySpan<byte> line)
        {
            c.Print(Head(number, mark));
            c.Print(line);
            c.Print("\n");
            _lastShown = number;
        }

        private string Head(long number, char mark) =>
            (name.Length > 0 ? $"{name}{mark}" : "") + (options.Has('n') ? $"{number}{mark}" : "");
    }
}
