using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lkm.Distribution;
using Lkm.Modules;

namespace Lkm.RealLinux;

/// <summary>
/// A real kernel that has booted, with all modules of its tree, as files in the cache: its memory, and the rest of the machine. Any number of
/// machines go on from there, each in some 50 ms and with no trace of another: they map the memory copy-on-write.
/// </summary>
/// <remarks>
/// QEMU writes no memory that a file holds already (the capability <c>x-ignore-shared</c>), neither when saving nor when going on: what
/// it writes is the state of the devices, 300 kB. <c>savevm</c> and <c>loadvm</c> would copy all memory each time.
/// </remarks>
public sealed class GuestSnapshot
{
    private const string MemoryFile = "memory", StateFile = "state";
    private const int Mebibyte = 1 << 20;

    /// <summary>
    /// Beside the modules, which lie in memory twice while they are unpacked, into a file system that may take half of what is left. What is never
    /// touched costs nothing: the file of the memory has holes.
    /// </summary>
    private const int BaseMegabytes = 512, MemoryStep = 128, TimesModules = 3;

    /// <summary>A boot takes twenty seconds of a processor; on a host where dozens wait for one, that takes long.</summary>
    private static readonly TimeSpan s_bootLimit = TimeSpan.FromMinutes(15);

    private readonly string _folder;
    private readonly int _megabytes;

    private readonly FileStream _inUse; // its shared lock says so

    private GuestSnapshot(string folder, int megabytes, FileStream inUse)
    {
        _folder = folder;
        _megabytes = megabytes;
        _inUse = inUse;
    }

    /// <summary>Finds the snapshot of a kernel, or boots it and makes one.</summary>
    /// <param name="kernel">The kernel; it has a modules tree or none.</param>
    /// <param name="cache">Where snapshots are kept.</param>
    /// <param name="progress">Told of what takes a while.</param>
    public static Outcome<GuestSnapshot> Open(KernelSource kernel, LkmCache cache, Action<string> progress)
    {
        if (Qemu.MissingTool() is { } missing)
            return Outcome<GuestSnapshot>.Failure(missing);
        List<(string GuestPath, string HostPath)> files = ModulesOf(kernel);
        int megabytes = BaseMegabytes + (TimesModules * (int)(files.Sum(file => new FileInfo(file.HostPath).Length) / Mebibyte) / MemoryStep + 1) * MemoryStep;
        string folder = cache.PathOf("real-linux", $"{kernel.Version}-{Identity(kernel, megabytes)}");
        if (TryUse(folder, megabytes) is { } known)
            return known;
        // Whoever removes snapshots holds this as well.
        using IDisposable mutex = cache.Lock("real-linux", () => progress("waiting for another lkm that boots real Linux"));
        if (TryUse(folder, megabytes) is { } made)
            return made;
        string? error = LkmCache.Make(folder, partial => Boot(kernel, files, partial, megabytes, progress));
        new CachedFolders(cache.PathOf("real-linux"), MemoryFile).Trim();
        return error is null && TryUse(folder, megabytes) is { } snapshot
            ? snapshot
            : Outcome<GuestSnapshot>.Failure(error ?? $"{folder}: was removed while it was made");
    }

    /// <summary>Holds the snapshot in a folder; null if there is none, or another program is just removing it.</summary>
    private static GuestSnapshot? TryUse(string folder, int megabytes)
    {
        if (!CachedFolders.MarkUsed(folder))
            return null;
        try
        {
            var inUse = new FileStream(Path.Combine(folder, MemoryFile), FileMode.Open, FileAccess.Read, FileShare.Read);
            if (Directory.Exists(folder))
                return new GuestSnapshot(folder, megabytes, inUse);
            inUse.Dispose();
            return null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>A machine that goes on from the snapshot.</summary>
    public Outcome<GuestMachine> Start() => GuestMachine.Restore(Path.Combine(_folder, StateFile), Memory(_folder, _megabytes, isShared: false));

    private static string? Boot(KernelSource kernel, IEnumerable<(string GuestPath, string HostPath)> files, string folder, int megabytes, Action<string> progress)
    {
        progress(string.Create(CultureInfo.InvariantCulture,
            $"booting real Linux {kernel.Version} under QEMU ({Qemu.Accelerator}), kept for later; this takes some {(Qemu.Accelerator == "kvm" ? 5 : 20)} s"));
        string root = Path.Combine(folder, "initramfs");
        GuestRoot.Write(root, files);
        Outcome<GuestMachine> booted = GuestMachine.Boot(kernel.ImagePath, root, Memory(folder, megabytes, isShared: true), "", s_bootLimit);
        if (!booted.Succeeded)
            return booted.Error;
        using GuestMachine machine = booted.Value;
        File.Delete(root);
        // What the first command brings into memory, a shell, is there for all.
        GuestResult first = machine.Run("lsmod", s_bootLimit);
        return first.Status == 0 ? machine.Save(Path.Combine(folder, StateFile)) : $"{kernel.Version} booted under QEMU, but ran no command: {first.Output}";
    }

    private static string[] Memory(string folder, int megabytes, bool isShared) =>
    [
        "-m", $"{megabytes}",
        "-object", $"memory-backend-file,id=memory,size={megabytes}M,mem-path={Path.Combine(folder, MemoryFile).Replace(",", ",,", StringComparison.Ordinal)},share={(isShared ? "on" : "off")}",
        "-machine", "pc,memory-backend=memory",
    ];

    /// <summary>The whole tree: what a module asks for by alias when it runs is not in its dependencies.</summary>
    private static List<(string, string)> ModulesOf(KernelSource kernel)
    {
        List<(string, string)> files = [];
        if (kernel.ModulesDirectory is not { } folder)
            return files;
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            files.Add(($"/lib/modules/{kernel.Version}/{Path.GetRelativePath(folder, file)}", file));
        files.Sort(static (one, other) => string.CompareOrdinal(one.Item1, other.Item1));
        return files;
    }

    /// <summary>A digest of what a snapshot is made of: another QEMU, busybox, kmod or commands of lkm's, or a kernel that was replaced, has another.</summary>
    private static string Identity(KernelSource kernel, int megabytes)
    {
        var parts = new StringBuilder(GuestRoot.Init).Append(DeviceCommands.Source).Append(megabytes).AppendJoin(' ', Qemu.Machine);
        foreach (string? path in (ReadOnlySpan<string?>)
            [kernel.ImagePath, kernel.ModulesDirectory is { } folder ? Path.Combine(folder, "modules.dep.bin") : null, .. Qemu.Programs])
        {
            if (path is not null && File.Exists(path))
                parts.Append(CultureInfo.InvariantCulture, $"{path} {new FileInfo(path).Length} {File.GetLastWriteTimeUtc(path).Ticks}\n");
        }
        const int digits = 16;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(parts.ToString())))[..digits];
    }
}
