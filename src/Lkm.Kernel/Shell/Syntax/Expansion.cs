using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Syntax;

/// <summary>File names that match a pattern.</summary>
internal static class Expansion
{
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
