using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Syntax;

/// <summary>Makes words of a line into arguments: $? and file names that match.</summary>
internal static class Expansion
{
    /// <summary>The word as a pattern: what was quoted matches itself.</summary>
    /// <param name="word">The word.</param>
    /// <param name="status">What $? stands for.</param>
    public static string Pattern(Word word, int status)
    {
        var pattern = new StringBuilder();
        foreach (var (kind, text) in word.Parts)
        {
            pattern.Append(kind switch
            {
                WordPartKind.Bare => text.Replace(@"\", @"\\"),
                WordPartKind.Quoted => Wildcard.Escape(text),
                _ => status.ToString(),
            });
        }

        return pattern.ToString();
    }

    /// <summary>The existing paths that match a pattern, sorted. Names that begin with a dot match only a dot.</summary>
    public static async GuestTask<List<string>> Match(ShellFiles files, string pattern)
    {
        var found = new List<string> { pattern.StartsWith('/') ? "/" : "" };
        foreach (var component in pattern.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var next = new List<string>();
            foreach (var path in found)
            {
                if (Wildcard.IsPattern(component))
                    await AddMatches(files, path, component, next);
                else
                    next.Add(ShellFiles.Combine(path, Wildcard.Unescape(component)));
            }

            found = next;
        }

        var existing = new List<string>();
        foreach (var path in found)
        {
            if ((await files.Stat(path, follow: false)).Error == Errno.OK)
                existing.Add(path);
        }

        return existing;
    }

    private static async GuestTask AddMatches(ShellFiles files, string directory, string pattern, List<string> paths)
    {
        var (entries, _) = await files.ReadDirectory(directory.Length == 0 ? "." : directory);
        var names = new List<string>();
        foreach (var entry in entries)
        {
            if (entry.Name.StartsWith('.') == pattern.StartsWith('.') && entry.Name is not ("." or "..") && Wildcard.Matches(pattern, entry.Name))
                names.Add(entry.Name);
        }

        names.Sort(StringComparer.Ordinal);
        foreach (var name in names)
            paths.Add(ShellFiles.Combine(directory, name));
    }
}
