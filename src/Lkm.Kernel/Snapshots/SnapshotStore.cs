using System.Text;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Kernel.Snapshots;

/// <summary>
/// Where booted kernels are kept: one folder for each image (by build id), build of lkm and size of memory. As an image must be
/// unpacked before its build id is known, a small index remembers it by path, size and time of change. Each new snapshot removes those used
/// longest ago beyond <see cref="CachedFolders.UsualLimit"/>, but for those in use.
/// </summary>
/// <param name="cacheDirectory">The cache.</param>
/// <param name="heldFile">The file of a snapshot that is open, with a shared lock, as long as the snapshot is in use.</param>
internal sealed class SnapshotStore(string cacheDirectory, string heldFile)
{
    private readonly string _root = Path.Combine(cacheDirectory, "snapshots");

    /// <summary>What identifies this build of lkm: a snapshot holds state in its formats.</summary>
    private static readonly ulong s_build =
        Hash(Hash(Hash(HashStart, Version(typeof(SnapshotStore))), Version(typeof(Machine.Cpu))), Version(typeof(Formats.Errno)));

    private static ulong Version(Type type) => (ulong)type.Module.ModuleVersionId.GetHashCode();

    /// <summary>The folder of the snapshot of an image, or null where there is none yet.</summary>
    public string? Find(string imagePath, ulong ramSize)
    {
        var entry = IndexEntry(imagePath, ramSize);
        if (entry is null || HostProcess.ReadFile(entry, out _) is not { } name)
            return null;
        var folder = Path.Combine(_root, Encoding.ASCII.GetString(name).Trim());
        return CachedFolders.MarkUsed(folder) ? folder : null;
    }

    /// <summary>Makes a snapshot: the files are written into a new folder, which gets its name when they are complete.</summary>
    /// <param name="imagePath">The image that was booted.</param>
    /// <param name="buildId">Its build id.</param>
    /// <param name="ramSize">Bytes of memory.</param>
    /// <param name="write">Writes the files into the folder that it is given.</param>
    /// <returns>The folder.</returns>
    public string Add(string imagePath, ReadOnlyMemory<byte> buildId, ulong ramSize, Action<string> write)
    {
        var name = $"{Convert.ToHexStringLower(buildId.Span)}-{Hexadecimal(s_build)}-{ramSize >> 20}m";
        var folder = Path.Combine(_root, name);
        if (!Directory.Exists(folder))
        {
            var temporary = Path.Combine(_root, $".{name}.{Path.GetRandomFileName()}");
            Directory.CreateDirectory(temporary);
            try
            {
                write(temporary);
                Directory.Move(temporary, folder);
            }
            catch (IOException) when (Directory.Exists(folder))
            {
                Directory.Delete(temporary, recursive: true); // another lkm was faster, with the same result
            }
        }

        if (IndexEntry(imagePath, ramSize) is { } entry)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(entry)!);
            var temporaryEntry = $"{entry}.{Path.GetRandomFileName()}";
            File.WriteAllText(temporaryEntry, name);
            File.Move(temporaryEntry, entry, overwrite: true);
        }

        foreach (var removed in new CachedFolders(_root, heldFile).Trim())
            ForgetEntries(removed);
        return folder;
    }

    /// <summary>Removes what the index says of a snapshot that is gone.</summary>
    private void ForgetEntries(string name)
    {
        foreach (var entry in Directory.EnumerateFiles(Path.Combine(_root, "index")))
        {
            if (HostProcess.ReadFile(entry, out _) is { } target && Encoding.ASCII.GetString(target).Trim() == name)
                File.Delete(entry);
        }
    }

    private string? IndexEntry(string imagePath, ulong ramSize)
    {
        var path = Path.GetFullPath(imagePath);
        if (!HostFiles.TryGetStatus(path, out var file))
            return null;
        var hash = Hash(Hash(HashStart, path), s_build);
        hash = Hash(Hash(Hash(hash, (ulong)file.Size), (ulong)file.Modified), ramSize);
        return Path.Combine(_root, "index", Hexadecimal(hash));
    }

    // By itself: a culture that is looked up, or vector code that is made at run time, takes longer than all else here.
    private static string Hexadecimal(ulong value)
    {
        Span<char> digits = stackalloc char[16];
        for (var i = digits.Length - 1; i >= 0; i--, value >>= 4)
            digits[i] = "0123456789abcdef"[(int)(value & 15)];
        return new string(digits);
    }

    // FNV-1a: enough to tell files apart, and no cryptographic library has to be loaded for it, which takes longer than all else here.
    private const ulong HashStart = 0xcbf29ce484222325;

    private static ulong Hash(ulong hash, string text)
    {
        foreach (var c in text)
            hash = Hash(hash, c);
        return hash;
    }

    private static ulong Hash(ulong hash, ulong value) => (hash ^ value) * 0x100000001b3;
}
