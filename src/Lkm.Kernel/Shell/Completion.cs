using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell;

/// <summary>What the last word of an unfinished line can become.</summary>
internal static class Completion
{
    /// <summary>Completes a command's name where a command begins, a path elsewhere.</summary>
    public static async GuestTask<List<string>> Complete(ShellFiles files, string line)
    {
        var start = line.AsSpan().LastIndexOfAny(" \t;|&<>") + 1;
        var word = line[start..];
        var before = line.AsSpan(0, start).TrimEnd();
        var isCommand = before.IsEmpty || before[^1] is ';' or '|' or '&';
        if (isCommand && !word.Contains('/'))
            return [.. KernelShell.CommandNames.Where(n => n.StartsWith(word, StringComparison.Ordinal))];

        var slash = word.LastIndexOf('/');
        var directory = word[..(slash + 1)];
        var prefix = word[(slash + 1)..];
        var (entries, _) = await files.ReadDirectory(directory.Length == 0 ? "." : directory);
        var paths = new List<string>();
        foreach (var entry in entries)
        {
            if (entry.Name is "." or ".." || !entry.Name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            if (prefix.Length == 0 && entry.Name.StartsWith('.'))
                continue;
            var path = directory + entry.Name;
            var (status, error) = await files.Stat(path);
            paths.Add(error == Errno.OK && status.Type == FileType.Directory ? path + "/" : path);
        }

        paths.Sort(StringComparer.Ordinal);
        return paths;
    }
}
