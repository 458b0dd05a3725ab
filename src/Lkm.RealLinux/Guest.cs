using System.Diagnostics;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>
/// A real kernel under QEMU's translator (no KVM), with an initial root folder of busybox, kmod and the files given. It runs a list of
/// commands and powers off: some three seconds for the boot, then as long as the commands take.
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

    /// <summary>Boots, runs the commands one after another with the guest's shell, and powers off.</summary>
    /// <param name="commands">Lines for busybox's ash.</param>
    /// <param name="limit">The time for everything.</param>
    public Outcome<IReadOnlyList<GuestResult>> Run(IReadOnlyList<string> commands, TimeSpan limit)
    {
        if (GuestRoot.MissingTool() is { } missing)
            return Outcome<IReadOnlyList<GuestResult>>.Failure(missing);
        string folder = Directory.CreateTempSubdirectory("lkm-guest-").FullName;
        try
        {
            string root = Path.Combine(folder, "initramfs");
            GuestRoot.Write(root, _files, commands, CommandTimeout);
            string console = Boot(root, limit);
            IReadOnlyList<GuestResult> results = GuestProtocol.Read(console, commands);
            return results.Count == 0
                ? Outcome<IReadOnlyList<GuestResult>>.Failure($"{kernel.Version} did not reach its init under QEMU; its console ended with: {Tail(console)}")
                : Outcome<IReadOnlyList<GuestResult>>.Success(results);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Boot(string root, TimeSpan limit)
    {
        var start = new ProcessStartInfo("qemu-system-x86_64",
        [
            "-accel", "tcg", "-cpu", "qemu64", "-m", $"{MemoryMegabytes}", "-smp", "1",
            "-kernel", kernel.ImagePath, "-initrd", root,
            // On a busy host the check whether timer interrupts arrive fails, and the kernel panics: it is skipped.
            "-append", $"console=ttyS0 quiet loglevel=1 log_buf_len=4M panic=-1 no_timer_check {KernelArguments}",
            "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-monitor", "none",
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using Process qemu = Process.Start(start)!;
        qemu.StandardInput.Close();
        Task<string> output = qemu.StandardOutput.ReadToEndAsync();
        Task<string> error = qemu.StandardError.ReadToEndAsync();
        if (!qemu.WaitForExit(limit))
            qemu.Kill();
        return output.Result.Replace("\r", "", StringComparison.Ordinal) + error.Result;
    }

    private static string Tail(string console)
    {
        string trimmed = console.TrimEnd();
        return trimmed[Math.Max(0, trimmed.Length - 200)..].Replace('\n', ' ');
    }
}
