using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// Keeps folders that can be made again within a bound: each lies in a common one, with a file in it that whoever uses the folder holds open with
/// a shared lock (flock(2)). Those used last stay. Several programs may do so at once.
/// </summary>
/// <param name="root">The common folder. What begins with a dot there is being made, or being removed.</param>
/// <param name="heldFile">The name of the file that users hold.</param>
public sealed class CachedFolders(string root, string heldFile)
{
    /// <summary>Bytes that all folders may take together unless somebody says otherwise: 4 GiB.</summary>
    public const long UsualLimit = 4L << 30;

    /// <summary>How old a note of use may be: a start should not have to write one.</summary>
    private static readonly TimeSpan s_precision = TimeSpan.FromHours(1);

    /// <summary>Nothing takes so long to make: what is older was left by a program that was killed.</summary>
    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    /// <summary>Notes that a folder is used now.</summary>
    /// <returns>Whether it is there.</returns>
    public static bool MarkUsed(string folder)
    {
        if (!HostFiles.TryGetStatus(folder, out var status))
            return false;
        var now = DateTime.UtcNow;
        if (now.Ticks - DateTime.UnixEpoch.Ticks - status.Modified < s_precision.Ticks)
            return true;
        try
        {
            Directory.SetLastWriteTimeUtc(folder, now);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The cache is another user's, who keeps it within bounds.
        }
        return true;
    }

    /// <summary>Removes the folders used longest ago, beyond the limit; never the one used last, nor one that is in use.</summary>
    /// <param name="limit">Bytes on the disk.</param>
    /// <returns>The names of the folders removed.</returns>
    public IReadOnlyList<string> Trim(long limit = UsualLimit)
    {
        List<string> removed = [];
        try
        {
            var folders = new List<DirectoryInfo>();
            foreach (var folder in new DirectoryInfo(root).EnumerateDirectories())
            {
                if (folder.Name[0] != '.')
                    folders.Add(folder);
                else if (DateTime.UtcNow - folder.LastWriteTimeUtc > s_abandoned)
                    folder.Delete(recursive: true);
            }
            folders.RemoveAll(folder => !File.Exists(Path.Combine(folder.FullName, heldFile)));
            folders.Sort(static (one, other) => other.LastWriteTimeUtc.CompareTo(one.LastWriteTimeUtc));
            long kept = 0;
            for (var i = 0; i < folders.Count; i++)
            {
                var name = folders[i].Name;
                var size = HostFiles.AllocatedSize(folders[i]);
                if (i == 0 || kept + size <= limit || !TryRemove(folders[i]))
                    kept += size;
                else
                    removed.Add(name);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else is removing the same, or may what we may not: the next that makes a folder tries again.
        }
        return removed;
    }

    /// <summary>Under the exclusive lock the folder loses its name; then nobody can come to use it any more.</summary>
    private bool TryRemove(DirectoryInfo folder)
    {
        try
        {
            using var held = new FileStream(Path.Combine(folder.FullName, heldFile), FileMode.Open, FileAccess.Read, FileShare.None);
            folder.MoveTo(Path.Combine(root, $".{folder.Name}.{Path.GetRandomFileName()}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        folder.Delete(recursive: true);
        return true;
    }
}
