namespace Lkm.Modules;

/// <summary>
/// Finds the files of a configuration that is spread over several directories: of files with the same name the first directory's counts;
/// then all are read in the bytewise order of their names, whichever directory they are in.
/// </summary>
internal static class ConfigurationFiles
{
    /// <summary>The directories in which configuration may lie, the one that counts most first (kmod, <c>libkmod.c</c>).</summary>
    public static readonly string[] Directories = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

    /// <summary>The paths of all files in the order of reading.</summary>
    /// <param name="paths">Directories, whose <c>*.conf</c> files count, and single files, which count under any name.</param>
    /// <param name="problems">Takes what is wrong with a path.</param>
    public static List<string> Find(IEnumerable<string> paths, List<ConfigurationProblem> problems)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            if (Directory.Exists(path))
            {
                AddDirectory(path, files, problems);
            }
            else if (File.Exists(path))
            {
                files.TryAdd(path[(path.LastIndexOf('/') + 1)..], path);
            }
        }
        return [.. files.Values];
    }

    /// <summary>A file's bytes, or null with the problem noted; a file that has gone is no problem.</summary>
    public static byte[]? Read(string file, List<ConfigurationProblem> problems)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(ConfigurationProblemKind.Unreadable, file, 0, e.Message));
            return null;
        }
    }

    private static void AddDirectory(string directory, SortedDictionary<string, string> files, List<ConfigurationProblem> problems)
    {
        string[] names;
        try
        {
            names = Directory.GetFileSystemEntries(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new(ConfigurationProblemKind.Unreadable, directory, 0, e.Message));
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
                files.TryAdd(name, path);
            }
        }
    }
}
