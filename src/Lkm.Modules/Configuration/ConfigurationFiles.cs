using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// The files of a configuration that is spread over several directories: of files with the same name the first directory's counts;
/// then all are read in the bytewise order of their names, whichever directory they are in.
/// </summary>
internal sealed class ConfigurationFiles
{
    /// <summary>The directories in which configuration may lie, the one that counts most first (kmod, <c>libkmod.c</c>).</summary>
    private static readonly string[] Directories = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

    /// <summary>The paths of all files in the order of reading.</summary>
    public List<string> Paths { get; } = [];

    /// <summary>What is wrong with what was added; null if nothing is.</summary>
    public List<ConfigurationProblem>? Problems { get; private set; }

    /// <summary>The directories of that name in all of the places where configuration lies.</summary>
    /// <param name="root">What stands before the paths; no slash at its end.</param>
    /// <param name="name">The directories' last part.</param>
    public static string[] Below(string root, string name)
    {
        var paths = new string[Directories.Length];
        for (var i = 0; i < paths.Length; i++)
        {
            paths[i] = $"{root}{Directories[i]}/{name}";
        }
        return paths;
    }

    /// <summary>A file's bytes, or null with the problem; a file that has gone is no problem.</summary>
    public static byte[]? Read(string file, out ConfigurationProblem? problem)
    {
        var bytes = SmallFile.TryRead(file, out var error);
        problem = error is Errno.OK or Errno.ENOENT ? null : Unreadable(file, error);
        return bytes;
    }

    /// <summary>Adds a directory, whose <c>*.conf</c> files count, or a single file, which counts under any name. What is not there adds nothing.</summary>
    public void Add(string path)
    {
        switch (HostFiles.List(path, out var entries))
        {
            case Errno.OK:
                for (var i = 0; i < entries.Count; i++)
                {
                    AddEntry(path, entries[i]);
                }
                break;
            case Errno.ENOTDIR:
                AddFile(path);
                break;
            case Errno.ENOENT:
                break;
            case var error:
                (Problems ??= []).Add(Unreadable(path, error));
                break;
        }
    }

    private static ConfigurationProblem Unreadable(string path, Errno error) => new(ConfigurationProblemKind.Unreadable, path, 0, error.Message());

    private void AddEntry(string directory, DirectoryEntry entry)
    {
        var name = entry.Name;
        if (name[0] == '.' || name.Length < 6 || !name.EndsWith(".conf", StringComparison.Ordinal))
        {
            return;
        }
        var path = $"{directory}/{name}";
        if (entry.Kind == EntryKind.Directory || (entry.Kind != EntryKind.File && HostFiles.IsDirectory(path)))
        {
            (Problems ??= []).Add(new(ConfigurationProblemKind.NestedDirectory, path, 0, name));
        }
        else if (entry.Kind == EntryKind.File || HostFiles.Exists(path))
        {
            AddFile(path);
        }
    }

    /// <summary>Puts a file at its place in the order of names, unless there is one of that name.</summary>
    private void AddFile(string path)
    {
        var place = Paths.Count;
        while (place > 0)
        {
            var order = Compare(NameOf(path), NameOf(Paths[place - 1]));
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
        Paths.Insert(place, path);
    }

    private static int Compare(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        for (var i = 0; i < a.Length && i < b.Length; i++)
        {
            if (a[i] != b[i])
            {
                return a[i] - b[i];
            }
        }
        return a.Length - b.Length;
    }

    private static ReadOnlySpan<char> NameOf(string path) => path.AsSpan(ModuleName.BaseNameStart(path));
}
