using System.Diagnostics;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>QEMU's program and how it is called: a PC with one processor, two serial ports, and nothing else.</summary>
public static class Qemu
{
    private const string Program = "qemu-system-x86_64";

    /// <summary>What the machine lacks to run real Linux, and the packages that have it; null when nothing.</summary>
    public static string? MissingTool()
    {
        foreach ((string tool, string package) in (ReadOnlySpan<(string, string)>)
            [(Program, "qemu-system-x86"), ("busybox", "busybox-static"), ("kmod", "kmod"), ("modprobe", "kmod"), ("ldd", "libc-bin"), ("setpriv", "util-linux")])
        {
            if (HostCommand.Find(tool) is null)
                return $"{tool} is not installed; real Linux is run with: apt-get install qemu-system-x86 busybox-static kmod (missing: {package})";
        }
        return null;
    }

    /// <summary>The programs that make the machine and are put into it, as paths.</summary>
    internal static IEnumerable<string> Programs => new[] { Program, "busybox", "kmod" }.Select(HostCommand.Find).OfType<string>();

    /// <summary>What executes the guest: <c>kvm</c> where the processor can and the user may, otherwise <c>tcg</c>, QEMU's translator.</summary>
    /// <remarks>
    /// A /dev/kvm on a processor without VMX or SVM, as some virtual machines have, is an emulation that takes longer than QEMU's own.
    /// </remarks>
    public static string Accelerator { get; } = CanUseKvm() ? "kvm" : "tcg";

    /// <summary>What the machine is beside its memory: the same for a boot and for going on from a snapshot.</summary>
    /// <remarks>
    /// The model is QEMU's own, not the host's, so that an outcome does not depend on where it was found out. The translator counts instructions
    /// for time, four nanoseconds each, and passes over idle time: a busy host makes no difference to the guest, and nobody waits for its timers.
    /// What is said to the guest goes over the second serial port, as every flavour has its driver built in, and nothing is at the first: drivers of what
    /// would be connected to it find it free.
    /// </remarks>
    public static IReadOnlyList<string> Machine { get; } =
    [
        "-accel", Accelerator, "-cpu", "qemu64", "-smp", "1",
        .. Accelerator == "tcg" ? (ReadOnlySpan<string>)["-icount", "shift=2,sleep=off"] : [],
        "-nodefaults", "-nographic", "-no-reboot", "-serial", "null", "-serial", "stdio",
    ];

    /// <summary>The guest's name of the serial port over which it is spoken to.</summary>
    internal const string Console = "ttyS1";

    /// <summary>Starts it, with that serial port on its standard input and output. It ends with this program, also when that is killed.</summary>
    internal static Process Start(IEnumerable<string> arguments) => ProcessStarter.Start(new ProcessStartInfo(HostCommand.Find("setpriv")!,
        ["--pdeathsig", "KILL", "--", HostCommand.Find(Program)!, .. Machine, .. arguments])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    });

    private static bool CanUseKvm()
    {
        const string device = "/dev/kvm";
        try
        {
            if (!File.Exists(device))
                return false;
            using FileStream stream = new(device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            foreach (string line in File.ReadLines("/proc/cpuinfo"))
            {
                if (line.StartsWith("flags", StringComparison.Ordinal))
                    return $"{line} ".Contains(" vmx ", StringComparison.Ordinal) || $"{line} ".Contains(" svm ", StringComparison.Ordinal);
            }
            return false;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
