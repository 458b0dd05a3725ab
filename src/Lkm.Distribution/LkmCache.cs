namespace Lkm.Distribution;

/// <summary>
/// lkm's folder of things that can be made again: <c>$LKM_CACHE</c>, else <c>$XDG_CACHE_HOME/lkm</c>, else <c>~/.cache/lkm</c>.
/// </summary>
/// <remarks>
/// Several lkm processes may use it at once. Everything in it appears whole: it is made under a temporary name beside its place and
/// renamed, so a reader needs no lock; a maker takes <see cref="Lock"/> so that the work is done once.
/// </remarks>
/// <param name="root">Its path.</param>
public sealed class LkmCache(string root)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The folder's absolute path.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>Where fetched kernels lie: one folder for each Debian release name.</summary>
    public string DebianKernels => Path.Combine(Root, "kernels", "debian");

    /// <summary>The cache that the environment names.</summary>
    public static LkmCache FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable("LKM_CACHE") is { Length: > 0 } own)
            return new LkmCache(own);
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } shared)
            return new LkmCache(Path.Combine(shared, "lkm"));
        string home = Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } value ? value : "/tmp";
        return new LkmCache(Path.Combine(home, ".cache", "lkm"));
    }

    /// <summary>A path in the cache.</summary>
    /// <param name="parts">Its parts.</param>
    public string PathOf(params ReadOnlySpan<string> parts) => Path.Combine([Root, .. parts]);

    /// <summary>Waits until no other process holds the lock of this name, and holds it until disposed or until this process ends.</summary>
    /// <param name="name">What is about to be made.</param>
    /// <param name="waiting">Called once if another process holds it.</param>
    public IDisposable Lock(string name, Action? waiting = null)
    {
        string path = PathOf("locks", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (; ; )
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                waiting?.Invoke();
                waiting = null;
                Thread.Sleep(PollInterval);
            }
        }
    }

    /// <summary>Makes a folder of the cache at once: <paramref name="fill"/> fills a temporary one, which is then renamed.</summary>
    /// <param name="path">Its place; it does not exist.</param>
    /// <param name="fill">Fills the folder given; returns null, or what failed.</param>
    /// <returns>Null, or what failed; then nothing is left behind.</returns>
    public static string? Make(string path, Func<string, string?> fill)
    {
        string temporary = $"{path}.{Environment.ProcessId}.partial";
        try
        {
            RemoveAbandoned(path);
            Directory.CreateDirectory(temporary);
            if (fill(temporary) is { } error)
                return error;
            Directory.Move(temporary, path);
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"{path}: {failure.Message}";
        }
        finally
        {
            RemoveFolder(temporary);
        }
    }

    /// <summary>Removes what a killed process left: the caller holds the lock, so nobody works on it.</summary>
    private static void RemoveAbandoned(string path)
    {
        string parent = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(parent))
            return;
        foreach (string abandoned in Directory.EnumerateDirectories(parent, $"{Path.GetFileName(path)}.*.partial"))
            RemoveFolder(abandoned);
    }

    private static void RemoveFolder(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A folder that cannot be removed costs space only: it is never taken for a finished one.
        }
    }
}
