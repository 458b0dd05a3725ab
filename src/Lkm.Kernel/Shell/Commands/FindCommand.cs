using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>find: paths, and tests that all have to be true, each of which ! turns round. Directories come before what is in them; links are not followed.</summary>
internal static class FindCommand
{
    private sealed record Test(Func<string, FileStatus, bool> IsTrue, bool Negated);

    /// <summary>What the arguments ask for.</summary>
    private sealed class Search
    {
        public List<string> Paths { get; } = [];

        public List<Test> Tests { get; } = [];

        public int Least { get; set; }

        public int Most { get; set; } = int.MaxValue;

        public string End { get; set; } = "\n";
    }

    public static async GuestTask<int> Run(CommandContext c)
    {
        var search = new Search();
        if (Read(c.Arguments, search) is { } problem)
            return await c.Fail(problem);
        var status = 0;
        search.Paths.Reverse();
        for (var waiting = new Stack<(string Path, int Depth)>(search.Paths.Select(path => (path, 0))); waiting.TryPop(out var next) && !c.OutputFailed;)
        {
            var (stat, error) = await c.Files.Stat(next.Path, follow: false);
            if (error != Errno.OK)
            {
                status = await c.Fail(next.Path, error);
                continue;
            }

            if (next.Depth >= search.Least && search.Tests.TrueForAll(test => test.IsTrue(next.Path, stat) != test.Negated))
                c.Print(next.Path + search.End);
            await c.FlushIfLong();
            if (stat.Type != FileType.Directory || next.Depth >= search.Most)
                continue;
            var (entries, unreadable) = await c.Files.ReadDirectory(next.Path);
            if (unreadable != Errno.OK)
                status = await c.Fail(next.Path, unreadable);
            for (var i = entries.Count - 1; i >= 0; i--)
            {
                if (entries[i].Name is not ("." or ".."))
                    waiting.Push((ShellFiles.Combine(next.Path, entries[i].Name), next.Depth + 1));
            }
        }

        return status;
    }

    /// <summary>Reads the arguments.</summary>
    /// <returns>What is wrong with them, or null.</returns>
    private static string? Read(List<string> arguments, Search search)
    {
        var i = 0;
        for (; i < arguments.Count && !arguments[i].StartsWith('-') && arguments[i] != "!"; i++)
            search.Paths.Add(arguments[i]);
        if (search.Paths.Count == 0)
            search.Paths.Add(".");
        for (var negated = false; i < arguments.Count; i++)
        {
            var name = arguments[i];
            switch (name)
            {
                case "!":
                    negated = !negated;
                    continue;
                case "-print" or "-print0":
                    search.End = name == "-print" ? "\n" : "\0";
                    continue;
                case "-a":
                    continue;
                case not ("-name" or "-iname" or "-path" or "-type" or "-maxdepth" or "-mindepth"):
                    return $"unrecognized: {name}";
            }

            if (++i == arguments.Count)
                return $"option requires an argument: {name}";
            var value = arguments[i];
            if (name is "-maxdepth" or "-mindepth")
            {
                if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var depth))
                    return $"invalid number '{value}'";
                (search.Least, search.Most) = name == "-maxdepth" ? (search.Least, depth) : (depth, search.Most);
                continue;
            }

            if (name == "-type" && TypeOf(value) is null)
                return $"invalid argument '{value}' to '-type'";
            search.Tests.Add(new Test(MakeTest(name, value), negated));
            negated = false;
        }

        return null;
    }

    private static Func<string, FileStatus, bool> MakeTest(string name, string value) => name switch
    {
        "-name" => (path, _) => Wildcard.Matches(value, ShellFiles.BaseName(path)),
        "-iname" => (path, _) => Wildcard.Matches(value.ToLowerInvariant(), ShellFiles.BaseName(path).ToLowerInvariant()),
        "-path" => (path, _) => Wildcard.Matches(value, path),
        _ => (_, status) => status.Type == TypeOf(value),
    };

    private static FileType? TypeOf(string letter) => letter switch
    {
        "f" => FileType.Regular,
        "d" => FileType.Directory,
        "l" => FileType.Link,
        "b" => FileType.BlockDevice,
        "c" => FileType.CharacterDevice,
        "p" => FileType.Pipe,
        "s" => FileType.Socket,
        _ => null,
    };
}
