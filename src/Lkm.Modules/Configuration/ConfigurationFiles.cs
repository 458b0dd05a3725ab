using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// Finds the files of a configuration that is spread over several directories: of files with the same name the first directory's counts;
/// then all are read in the bytewise order of their names, whichever directory they are in.
/// </summary>
internal static class ConfigurationFiles
{
    /// <summary>The directories in which configuration may lie, the one that counts most first (kmod, <c>libkmod.c</c>).</summary>
    public static readonly string[] Directories = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

    /// <summary>The directories of that name in all of those places.</summary>
    /// <param name="root">What stands before the paths; no slash at its end.</param>
    /// <param name="name">The directories' last part.</param>
    public static string[] Below(string root, string name) => Array.ConvertAll(Directories, directory => $"{root}{directory}/{name}");

    /// <summary>The paths of all files in the order of reading.</summary>
    /// <param name="paths">Directories, whose <c>*.conf</c> files count, and single files, which count under any name.</param>
    /// <param name="problems">Takes what is wrong with a path.</param>
    public static List<string> Find(IEnumerable<string> paths, List<ConfigurationProblem> problems)
    {
        var files = new List<string>();
        foreach (var path in paths)
        {
            if (Directory.Exists(path))
            {
                AddDirectory(path, files, problems);
            }
            else if (File.Exists(path))
            {
                AddFile(path, files);
            }
        }
        return files;
    }

    /// <summary>A file's bytes, or null with the problem noted; a file that has gone is no problem.</summary>
    public static byte[]? Read(string file, List<ConfigurationProblem> problems)
    {
        var bytes = SmallFile.TryRead(file, out var error);
        if (error is not (Errno.OK or Errno.ENOENT))
        {
            problems.Add(new(ConfigurationProblemKind.Unreadable, file, 0, error.Message()));
        }
        return bytes;
    }

    /// <summary>Puts a file at its place in the order of names, unless there is one of that name.</summary>
    private static void AddFile(string path, List<string> files)
    {
        var place = files.Count;
        while (place > 0)
        {
            var order = Compare(NameOf(path), NameOf(files[place - 1]));
            if (order == 0)
            {
                return;
            }
            if (order > 0)
            {
                break;
            }
            place--;
        }
        files.Insert(place, path);
    }

    private static int Compare(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        var same = a.CommonPrefixLength(b);
        return same == a.Length || same == b.Length ? a.Length - b.Length : a[same] - b[same];
    }

    private static ReadOnlySpan<char> NameOf(string path) => path.AsSpan(path.LastIndexOf('/') + 1);

    private static void AddDirectory(string directory, List<string> files, List<ConfigurationProblem> problems)
    {
        string[] names;
        try
        {
            names = Directory.GetFileSystemEntries(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(ConfigurationProblemKind.Unreadable, directory, 0, HostError.Describe(e)));
            return;
        }
        foreach (var entry in names)
        {
            var name = entry[(entry.LastIndexOf('/') + 1)..];
            if (name.StartsWith('.') || name.Length < 6 || !name.EndsWith(".conf", StringComparison.Ordinal))
            {
                continue;
            }
            var path = $"{directory}/{name}";
            if (Directory.Exists(path))
            {
                problems.Add(new(ConfigurationProblemKind.NestedDirectory, path, 0, name));
            }
            else if (File.Exists(path))
            {
                AddFile(path, files);
            }
        }
    }
}
