using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>
/// A real kernel under QEMU with an initial root folder of busybox, kmod and the files given. It runs a list of commands and is gone: some three
/// seconds for the boot, then as long as the commands take. <see cref="GuestSnapshot"/> boots once for many.
/// </summary>
/// <param name="kernel">The kernel to boot.</param>
public sealed class Guest(KernelSource kernel)
{
    private readonly List<(string GuestPath, string HostPath)> _files = [];

    /// <summary>How long one command may take.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Guest memory, in MiB.</summary>
    public int MemoryMegabytes { get; init; } = 512;

    /// <summary>More of the kernel's command line.</summary>
    public string KernelArguments { get; init; } = "";

    /// <summary>Puts a file of the host into the guest.</summary>
    public void AddFile(string guestPath, string hostPath) => _files.Add((guestPath, hostPath));

    /// <summary>Puts modules of this kernel, with all that they depend on, under the guest's /lib/modules, for modprobe to find.</summary>
    /// <param name="names">Names or aliases.</param>
    /// <returns>Null, or what failed.</returns>
    public string? AddModules(params IEnumerable<string> names)
    {
        string modules = kernel.ModulesDirectory!;
        string root = Path.GetFullPath(Path.Combine(modules, "..", "..", ".."));
        string inGuest = $"/lib/modules/{kernel.Version}";
        foreach (string index in Directory.EnumerateFiles(modules, "modules.*"))
            AddFile($"{inGuest}/{Path.GetFileName(index)}", index);
        var added = new HashSet<string>();
        foreach (string name in names)
        {
            HostCommandResult shown = HostCommand.Run(HostCommand.Find("modprobe") ?? "modprobe",
                ["-d", root, "-S", kernel.Version, "-C", "/dev/null", "--show-depends", name]);
            if (shown.ExitCode != 0)
                return $"{name}: {shown.LastErrorLine}";
            foreach (string line in shown.Output.Split('\n'))
            {
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words is ["insmod", string path, ..] && added.Add(path))
                    AddFile($"{inGuest}/{Path.GetRelativePath(modules, path)}", path);
            }
        }
        return null;
    }

    /// <summary>Boots, runs the commands one after another with the guest's shell, and ends.</summary>
    /// <param name="commands">Lines for busybox's ash.</param>
    /// <param name="limit">The time for everything.</param>
    /// <returns>What each did; after one that the guest did not survive, none.</returns>
    public Outcome<IReadOnlyList<GuestResult>> Run(IReadOnlyList<string> commands, TimeSpan limit)
    {
        if (Qemu.MissingTool() is { } missing)
            return Outcome<IReadOnlyList<GuestResult>>.Failure(missing);
        DateTime end = DateTime.UtcNow + limit;
        string folder = Directory.CreateTempSubdirectory("lkm-guest-").FullName;
        try
        {
            string root = Path.Combine(folder, "initramfs");
            GuestRoot.Write(root, _files);
            Outcome<GuestMachine> booted = GuestMachine.Boot(kernel.ImagePath, root, ["-m", $"{MemoryMegabytes}"], KernelArguments, limit);
            if (!booted.Succeeded)
                return Outcome<IReadOnlyList<GuestResult>>.Failure(booted.Error);
            using GuestMachine machine = booted.Value;
            var results = new List<GuestResult>();
            foreach (string command in commands)
            {
                TimeSpan left = end - DateTime.UtcNow;
                if (!machine.IsAlive || left <= TimeSpan.Zero)
                    break;
                results.Add(machine.Run(command, left < CommandTimeout ? left : CommandTimeout));
            }
            return Outcome<IReadOnlyList<GuestResult>>.Success(results);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
