using System.Security.Cryptography;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands that compare, sum up and turn around what files hold: cmp, md5sum and its kin, tac, rev, strings, yes.</summary>
internal static class DataCommands
{
    private const int ReadSize = 4096;

    /// <summary>cmp FILE1 FILE2: the first byte in which they differ; status 2 where one cannot be read.</summary>
    public static async GuestTask<int> Compare(CommandContext c)
    {
        const int trouble = 2;
        var options = Options.Read(c.Arguments, "sl");
        if (options.Problem is not null || options.Operands is not [var first, var second])
            return await c.Misused(options.Problem);
        var (one, other) = (await Read(c, first), await Read(c, second));
        if (one is null || other is null)
            return trouble;
        var same = one.AsSpan().CommonPrefixLength(other);
        if (same == one.Length && same == other.Length)
            return 0;
        if (options.Has('l'))
        {
            for (var i = same; i < Math.Min(one.Length, other.Length); i++)
            {
                if (one[i] != other[i])
                    c.Print($"{i + 1} {Convert.ToString(one[i], 8),3} {Convert.ToString(other[i], 8),3}\n");
            }
        }

        if (same == Math.Min(one.Length, other.Length))
        {
            if (!options.Has('s'))
                await c.Complain($"EOF on {(one.Length < other.Length ? first : second)}");
        }
        else if (!options.Has('s') && !options.Has('l'))
        {
            c.Print($"{first} {second} differ: char {same + 1}, line {one.AsSpan(0, same).Count((byte)'\n') + 1}\n");
        }

        return 1;
    }

    public static GuestTask<int> Md5(CommandContext c) => Sum(c, () => IncrementalHash.CreateHash(HashAlgorithmName.MD5));

    public static GuestTask<int> Sha1(CommandContext c) => Sum(c, () => IncrementalHash.CreateHash(HashAlgorithmName.SHA1));

    public static GuestTask<int> Sha256(CommandContext c) => Sum(c, () => IncrementalHash.CreateHash(HashAlgorithmName.SHA256));

    public static GuestTask<int> Sha512(CommandContext c) => Sum(c, () => IncrementalHash.CreateHash(HashAlgorithmName.SHA512));

    /// <summary>tac: the lines of each file, the last one first.</summary>
    public static async GuestTask<int> Reverse(CommandContext c)
    {
        return await c.ForEachInput(c.Arguments, async (_, input) =>
        {
            var (bytes, error) = await ReadAll(input);
            for (var end = bytes.Length; end > 0;)
            {
                var start = bytes.AsSpan(0, end - 1).LastIndexOf((byte)'\n') + 1;
                c.Print(bytes.AsSpan(start, end - start));
                end = start;
            }

            return error;
        });
    }

    /// <summary>rev: each line, its last character first.</summary>
    public static async GuestTask<int> Mirror(CommandContext c)
    {
        return await c.ForEachInput(c.Arguments, async (_, input) =>
        {
            var (bytes, error) = await ReadAll(input);
            var lines = Encoding.UTF8.GetString(bytes).Split('\n');
            c.Print(string.Join('\n', lines.Select(line => string.Concat(line.Reverse()))));
            return error;
        });
    }

    /// <summary>strings [-n LENGTH]: runs of printable characters.</summary>
    public static async GuestTask<int> Strings(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "an:");
        ulong least = 4;
        if (options.Problem is not null || (options.Value('n') is { } length && (!Numbers.TryUnsigned(length, out least) || least == 0)))
            return await c.Misused(options.Problem);
        return await c.ForEachInput(options.Operands, async (_, input) =>
        {
            var (bytes, error) = await ReadAll(input);
            for (int start = 0, end; start < bytes.Length; start = end + 1)
            {
                end = start;
                while (end < bytes.Length && bytes[end] is (>= 0x20 and < 0x7f) or (byte)'\t')
                    end++;
                if ((ulong)(end - start) >= least)
                    c.Print($"{Encoding.ASCII.GetString(bytes, start, end - start)}\n");
            }

            return error;
        });
    }

    /// <summary>yes [WORD]...: the words, or y, until nobody reads them.</summary>
    public static async GuestTask<int> Yes(CommandContext c)
    {
        var line = Encoding.UTF8.GetBytes((c.Arguments.Count > 0 ? string.Join(' ', c.Arguments) : "y") + "\n");
        var lines = new byte[Math.Max(1, ReadSize / line.Length) * line.Length];
        for (var at = 0; at < lines.Length; at += line.Length)
            line.CopyTo(lines, at);
        while (!c.OutputFailed)
            await c.WriteThrough(lines);
        return 1;
    }

    /// <summary>env [NAME=VALUE]... [COMMAND]: the variables, or a command that has more of them.</summary>
    public static async GuestTask<int> Environment(CommandContext c)
    {
        var shell = c.Shell.Subshell(isAlone: c.Shell.IsAlone);
        var words = c.Arguments;
        for (; words is [var word, ..] && word.IndexOf('=') is > 0 and var equals; words = words[1..])
            shell.Variables[word[..equals]] = word[(equals + 1)..];
        if (words.Count > 0)
            return await shell.Run(c.Files.Process, words, c.Streams);
        foreach (var (name, value) in shell.Variables)
            c.Print($"{name}={value}\n");
        return 0;
    }

    /// <summary>xargs [-r] [-n COUNT] [-I TEXT] [COMMAND]...: the words of the input, behind a command, or a line of it instead of a text.</summary>
    public static async GuestTask<int> Arguments(CommandContext c)
    {
        const int commandFailed = 123;
        var own = 0; // options behind the command are the command's
        while (own < c.Arguments.Count && c.Arguments[own] is ['-', _, ..] option)
            own += option is "-n" or "-I" ? 2 : 1;
        own = Math.Min(own, c.Arguments.Count);
        var options = Options.Read(c.Arguments[..own], "0rn:I:");
        var most = ulong.MaxValue;
        if (options.Problem is not null || (options.Value('n') is { } number && (!Numbers.TryUnsigned(number, out most) || most == 0)))
            return await c.Misused(options.Problem);
        List<string> command = own < c.Arguments.Count ? c.Arguments[own..] : ["echo"];
        var (bytes, error) = await ReadAll(c.Input);
        if (error != Errno.OK)
            return await c.Fail("read error", error);
        var replaced = options.Value('I');
        char[]? separators = options.Has('0') ? ['\0'] : replaced is not null ? ['\n'] : null;
        var items = Encoding.UTF8.GetString(bytes).Split(separators, StringSplitOptions.RemoveEmptyEntries | (options.Has('0') ? 0 : StringSplitOptions.TrimEntries));
        var runs = new List<List<string>>();
        if (replaced is not null)
            runs.AddRange(items.Select(item => command.ConvertAll(word => word.Replace(replaced, item, StringComparison.Ordinal))));
        else if (items.Length > 0 || !options.Has('r'))
            runs.AddRange((items.Length > 0 ? items.Chunk((int)Math.Min(most, int.MaxValue)) : [[]]).Select(part => (List<string>)[.. command, .. part]));
        if (c.Files.Process is not IForks forks)
            return await c.Fail("can't fork", Errno.ENOSYS);
        var status = 0;
        foreach (var words in runs)
        {
            await c.Flush();
            var pid = await forks.Fork(child => c.Shell.Subshell(isAlone: true).Run(child, words, c.Streams.For(new ShellFiles(child, words[0]))));
            if (pid < 0)
                return await c.Fail("can't fork", (Errno)(-pid));
            if ((await forks.AwaitEnd(pid)).Status is not 0 and var failed)
                status = failed is 126 or 127 ? failed : commandFailed;
        }

        return status;
    }

    private static async GuestTask<int> Sum(CommandContext c, Func<IncrementalHash> create)
    {
        return await c.ForEachInput(c.Arguments, async (path, input) =>
        {
            using var hash = create();
            ReadResult read;
            while (!(read = await input.Read(ReadSize)).IsEnd)
                hash.AppendData(read.Bytes);
            if (read.Error == Errno.OK)
                c.Print($"{Convert.ToHexStringLower(hash.GetHashAndReset())}  {path}\n");
            return read.Error;
        });
    }

    private static async GuestTask<byte[]?> Read(CommandContext c, string path)
    {
        if (path == "-")
            return (await ReadAll(c.Input)).Bytes;
        var read = await c.Files.ReadFile(path);
        if (read.Error == Errno.OK)
            return read.Bytes;
        await c.Fail(path, read.Error);
        return null;
    }

    private static async GuestTask<(byte[] Bytes, Errno Error)> ReadAll(IByteSource input)
    {
        using var all = new MemoryStream();
        ReadResult read;
        while (!(read = await input.Read(ReadSize)).IsEnd)
            all.Write(read.Bytes);
        return (all.ToArray(), read.Error);
    }
}
