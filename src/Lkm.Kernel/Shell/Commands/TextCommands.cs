using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>cat, echo, tee, head, tail and wc.</summary>
internal static class TextCommands
{
    /// <summary>What the C library's streams read at once, whatever is wanted. Drivers see it, as they see all these sizes, which are busybox's.</summary>
    internal const int StreamSize = 4096;

    private const int ReadSize = 64 * 1024, TailSize = 8192, TeeSize = 1024;

    public static async GuestTask<int> Cat(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "u");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        return await c.ForEachInput(options.Operands, async (_, input) =>
        {
            while (!c.OutputFailed)
            {
                var read = await input.Read(ReadSize);
                if (read.IsEnd)
                    return read.Error;
                await c.WriteThrough(read.Bytes);
            }

            return Errno.OK;
        });
    }

    public static GuestTask<int> Echo(CommandContext c)
    {
        var words = c.Arguments;
        var first = 0;
        bool newline = true, escapes = false;
        for (; first < words.Count && IsEchoOption(words[first]); first++)
        {
            newline &= !words[first].Contains('n');
            escapes = words[first].LastIndexOf('e') is var e and >= 0 ? e > words[first].LastIndexOf('E') : escapes && !words[first].Contains('E');
        }

        var text = string.Join(' ', words.Skip(first));
        var bytes = escapes ? EchoEscapes.Decode(text, ref newline) : Encoding.UTF8.GetBytes(text);
        c.Print(bytes);
        if (newline)
            c.Print("\n");
        return GuestTask<int>.FromResult(0);
    }

    public static async GuestTask<int> Tee(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "a");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var status = 0;
        var copies = new List<(string Path, int Descriptor)>();
        var flags = OpenFlags.WriteOnly | OpenFlags.Create | (options.Has('a') ? OpenFlags.Append : OpenFlags.Truncate);
        foreach (var path in options.Operands)
        {
            var descriptor = await c.Files.Open(path, flags);
            if (descriptor < 0)
                status = await c.Fail(path, (Errno)(-descriptor));
            else
                copies.Add((path, descriptor));
        }

        ReadResult read;
        while (!(read = await c.Input.Read(TeeSize)).IsEnd)
        {
            await c.WriteThrough(read.Bytes);
            foreach (var (path, descriptor) in copies)
            {
                if (await c.Files.WriteAll(descriptor, read.Bytes) is var error and not Errno.OK)
                    status = await c.Fail(path, error);
            }
        }

        foreach (var (_, descriptor) in copies)
            await c.Files.Close(descriptor);
        return read.Error == Errno.OK ? status : await c.Fail("read error", read.Error);
    }

    public static async GuestTask<int> Head(CommandContext c)
    {
        var options = Options.Read(WithNumber(c.Arguments), "n:c:q");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var countsBytes = options.Value('c') is not null;
        var number = options.Value('c') ?? options.Value('n') ?? "10";
        if (!Numbers.TrySize(number, out var count))
            return await c.Fail($"invalid number '{number}'");
        var isFirst = true;
        return await c.ForEachInput(options.Operands, async (path, input) =>
        {
            PrintTitle(c, options, path, ref isFirst);
            for (var left = count; left > 0 && !c.OutputFailed;)
            {
                var read = await input.Read(StreamSize);
                if (read.IsEnd)
                    return read.Error;
                var length = countsBytes ? (int)Math.Min(left, read.Bytes.Length) : LengthOfLines(read.Bytes, ref left);
                if (countsBytes)
                    left -= length;
                c.Print(read.Bytes.AsSpan(0, length));
                await c.FlushIfLong();
            }

            return Errno.OK;
        });
    }

    public static async GuestTask<int> Tail(CommandContext c)
    {
        var options = Options.Read(WithNumber(c.Arguments), "n:c:qf");
        if (options.Problem is not null || (options.Has('f') && options.Operands.Count > 1))
            return await c.Misused(options.Problem);
        var countsBytes = options.Value('c') is not null;
        var number = options.Value('c') ?? options.Value('n') ?? "10";
        var fromStart = number.StartsWith('+');
        if (!Numbers.TrySize(number.TrimStart('+', '-'), out var count))
            return await c.Fail($"invalid number '{number}'");
        var isFirst = true;
        return await c.ForEachInput(options.Operands, async (path, input) =>
        {
            PrintTitle(c, options, path, ref isFirst);
            using var all = new MemoryStream();
            ReadResult read;
            while (!(read = await input.Read(TailSize)).IsEnd)
                all.Write(read.Bytes);
            var bytes = all.ToArray();
            c.Print(bytes.AsSpan(TailStart(bytes, count, countsBytes, fromStart)));
            return options.Has('f') && read.Error == Errno.OK ? await Follow(c, input) : read.Error;
        });
    }

    /// <summary>tail -f: looks once a second whether there is more, until a signal ends it.</summary>
    private static async GuestTask<Errno> Follow(CommandContext c, IByteSource input)
    {
        for (; ; )
        {
            await c.Flush();
            if (c.OutputFailed)
                return Errno.OK;
            if (await ProcessCommands.Sleep(c.Files.Process, 1) is var error and not Errno.OK)
                return error;
            ReadResult read;
            while (!(read = await input.Read(TailSize)).IsEnd)
                c.Print(read.Bytes);
            if (read.Error != Errno.OK)
                return read.Error;
        }
    }

    public static async GuestTask<int> WordCount(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "lwc");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var all = !options.Has('l') && !options.Has('w') && !options.Has('c');
        var letters = all ? "lwc" : string.Concat("lwc".Where(options.Has));
        var total = default(Counts);
        var status = await c.ForEachInput(options.Operands, async (path, input) =>
        {
            var counts = default(Counts);
            ReadResult read;
            while (!(read = await input.Read(StreamSize)).IsEnd)
                counts.Add(read.Bytes);
            c.Print(counts.Format(letters, options.Operands.Count == 0 ? null : path));
            total.Add(counts);
            return read.Error;
        });
        if (options.Operands.Count > 1)
            c.Print(total.Format(letters, "total"));
        return status;
    }

    private static bool IsEchoOption(string word) => word.Length > 1 && word[0] == '-' && word.AsSpan(1).IndexOfAnyExcept("neE") < 0;

    /// <summary>-5 is -n 5, as it was before options had letters.</summary>
    private static List<string> WithNumber(List<string> arguments) =>
        arguments is [['-', >= '0' and <= '9', ..], ..] ? ["-n", arguments[0][1..], .. arguments[1..]] : arguments;

    private static void PrintTitle(CommandContext c, Options options, string path, ref bool isFirst)
    {
        if (options.Operands.Count > 1 && !options.Has('q'))
            c.Print($"{(isFirst ? "" : "\n")}==> {path} <==\n");
        isFirst = false;
    }

    private static int LengthOfLines(ReadOnlySpan<byte> bytes, ref long lines)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '\n' && --lines == 0)
                return i + 1;
        }

        return bytes.Length;
    }

    private static int TailStart(ReadOnlySpan<byte> bytes, long count, bool countsBytes, bool fromStart)
    {
        if (countsBytes)
        {
            var start = fromStart ? Math.Max(count - 1, 0) : bytes.Length - count;
            return (int)Math.Clamp(start, 0, bytes.Length);
        }

        if (fromStart)
        {
            var lines = count - 1;
            return lines <= 0 ? 0 : LengthOfLines(bytes, ref lines);
        }

        var at = bytes.Length;
        if (at > 0 && bytes[at - 1] == '\n')
            at--;
        for (; count > 0; count--)
        {
            at = bytes[..at].LastIndexOf((byte)'\n');
            if (at < 0)
                return 0;
        }

        return at < bytes.Length ? at + 1 : at;
    }

    private struct Counts
    {
        private long _lines, _words, _bytes;
        private bool _inWord;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            _bytes += bytes.Length;
            foreach (var b in bytes)
            {
                if (b == '\n')
                    _lines++;
                var isBlank = b is (byte)' ' or (>= 9 and <= 13);
                if (!isBlank && !_inWord)
                    _words++;
                _inWord = !isBlank;
            }
        }

        public void Add(Counts other)
        {
            _lines += other._lines;
            _words += other._words;
            _bytes += other._bytes;
        }

        /// <summary>The columns, aligned when there are several.</summary>
        public readonly string Format(string letters, string? name)
        {
            var line = new StringBuilder();
            foreach (var letter in letters)
            {
                var count = letter switch { 'l' => _lines, 'w' => _words, _ => _bytes };
                line.Append(line.Length == 0 ? "" : " ").Append(letters.Length == 1 ? $"{count}" : $"{count,9}");
            }

            return line.Append(name is null ? "" : " " + name).Append('\n').ToString();
        }
    }
}
