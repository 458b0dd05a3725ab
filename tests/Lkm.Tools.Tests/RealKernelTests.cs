using System.Diagnostics;
using Lkm.Distribution;
using Lkm.RealLinux;

namespace Lkm.Tools.Tests;

/// <summary>
/// The tools on a real kernel: Debian's cloud flavour under QEMU, with lkm published self-contained in its root folder. Each command is run as
/// kmod's and as lkm's, and must give the same output, exit status and loaded modules.
/// </summary>
public class RealKernelTests
{
    /// <summary>Commands; /tools has links to kmod, or to lkm.</summary>
    private static readonly string[] Commands =
    [
        "/tools/insmod /root/hello.ko",
        "/tools/lsmod",
        "/tools/insmod /root/hello.ko",
        "/tools/modinfo -F vermagic /root/hello.ko",
        "/tools/rmmod -v hello",
        "/tools/rmmod hello",
        "/tools/insmod -f /root/hello.ko; /tools/rmmod hello",
        "/tools/insmod /root/hello.ko no_such_parameter=1; /tools/rmmod hello",
        "/tools/insmod /nonexistent.ko",
        "/tools/insmod /etc/text.ko",
        "/tools/modprobe -v ext4",
        "/tools/modprobe ext4; /tools/modprobe --first-time ext4",
        "/tools/rmmod mbcache",
        "/tools/modprobe -r mbcache",
        "/tools/lsmod | sort",
        "/tools/modprobe -r -v ext4",
        "/tools/modprobe -f ext4",
        "/tools/modprobe -r ext4",
        "/tools/modprobe no-such-module",
        "/tools/modprobe -r no-such-module",
        "/tools/modprobe -a no-such-module dm-mod; /tools/modprobe -r dm-mod",
        "/tools/modprobe -D ext4; /tools/modprobe -R fs-ext4; /tools/modinfo -F license ext4",
    ];

    private static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists($"{folder}/Lkm.slnx"))
        {
            folder = Path.GetDirectoryName(folder.TrimEnd('/'))!;
        }
        return folder;
    }

    /// <summary>samples/hello, built in a folder of its own for the guest's kernel.</summary>
    private static string BuildHello(KernelSource kernel)
    {
        var cache = LkmCache.FromEnvironment();
        var complete = new KernelLocator(cache, Console.Error.WriteLine).AddHeaders(kernel);
        Assert.True(complete.Succeeded, complete.Error);
        var folder = Path.Combine(AppContext.BaseDirectory, "hello-for-guest");
        Directory.CreateDirectory(folder);
        foreach (var file in (string[])["hello.c", "Makefile"])
        {
            File.Copy($"{Repository()}/samples/hello/{file}", $"{folder}/{file}", overwrite: true);
        }
        var built = new Kbuild(cache).Build(folder, complete.Value);
        Assert.True(built.Error is null, built.Error + built.Output);
        return Assert.Single(built.Modules);
    }

    /// <summary>lkm for a machine without .NET. LKM_TOOLS_PUBLISHED may name a folder that has it already.</summary>
    private static string Published()
    {
        if (Environment.GetEnvironmentVariable("LKM_TOOLS_PUBLISHED") is { Length: > 0 } ready)
        {
            return ready;
        }
        var repository = Repository();
        var folder = Path.Combine(AppContext.BaseDirectory, "lkm-for-guest");
        using var publish = Process.Start(new ProcessStartInfo(
            "dotnet", ["publish", $"{repository}/src/Lkm.Cli", "-c", "Release", "-r", "linux-x64", "--self-contained", "-p:PublishReadyToRun=true", "-o", folder])
        {
            RedirectStandardOutput = true,
        })!;
        var output = publish.StandardOutput.ReadToEnd();
        publish.WaitForExit();
        Assert.True(publish.ExitCode == 0, output);
        return folder;
    }

    private static void AddLkm(Guest guest)
    {
        var folder = Published();
        var libraries = new HashSet<string>();
        foreach (var file in Directory.GetFiles(folder).Where(file => !file.EndsWith(".pdb", StringComparison.Ordinal) && !file.EndsWith(".xml", StringComparison.Ordinal)))
        {
            guest.AddFile($"/opt/lkm/{Path.GetFileName(file)}", file);
            if (Path.GetFileName(file) is "lkm" or "libcoreclr.so" or "libSystem.Native.so" or "libclrjit.so")
            {
                foreach (var word in HostCommand.Run("ldd", [file]).Output.Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries))
                {
                    if (word.StartsWith('/') && !word.StartsWith(folder, StringComparison.Ordinal) && libraries.Add(word))
                    {
                        guest.AddFile(word, word);
                    }
                }
            }
        }
    }

    [Fact]
    public void Lkm_does_to_a_real_kernel_what_kmod_does()
    {
        var located = new KernelLocator(LkmCache.FromEnvironment(), Console.Error.WriteLine).Locate("debian:6.1-cloud");
        Assert.True(located.Succeeded, located.Error);
        var hello = BuildHello(located.Value);
        // A boot for each: forced modules taint a kernel for good.
        var kmod = Run(located.Value, hello, "/sbin/kmod", static _ => { });
        var lkm = Run(located.Value, hello, "/opt/lkm/lkm", AddLkm);
        // hello is neither of the kernel's tree nor signed; what is forced in later is worse (include/linux/panic.h).
        const ulong forced = 1 << 1, outOfTree = 1 << 12, unsigned = 1 << 13;
        Assert.Equal(outOfTree | unsigned, kmod[0].Taint);
        Assert.Equal(forced, kmod[^1].Taint & forced);
        var different = new List<string>();
        for (var i = 0; i < Commands.Length; i++)
        {
            if (Describe(kmod[i]) != Describe(lkm[i]))
            {
                different.Add($"{Commands[i]}\nkmod: {Describe(kmod[i])}lkm: {Describe(lkm[i])}");
            }
        }
        Assert.True(different.Count == 0, string.Join('\n', different));
    }

    private static List<GuestResult> Run(KernelSource kernel, string hello, string program, Action<Guest> addProgram)
    {
        var guest = new Guest(kernel) { MemoryMegabytes = 1024, CommandTimeout = TimeSpan.FromMinutes(4) };
        Assert.Null(guest.AddModules("ext4", "dm-mod"));
        addProgram(guest);
        guest.AddFile("/root/hello.ko", hello);
        var text = Path.GetTempFileName();
        File.WriteAllText(text, "this is not a module at all\n");
        guest.AddFile("/etc/text.ko", text);
        var lines = new List<string> { $"mkdir /tools; for t in insmod rmmod lsmod modprobe modinfo depmod; do ln -s {program} /tools/$t; done" };
        foreach (var command in Commands)
        {
            lines.Add($"{command}; s=$?; echo; cut -d' ' -f1 /proc/modules | sort; exit $s");
        }
        var run = guest.Run(lines, TimeSpan.FromMinutes(20));
        File.Delete(text);
        Assert.True(run.Succeeded, run.Error);
        Assert.Equal(lines.Count, run.Value.Count);
        return [.. run.Value.Skip(1)];
    }

    private static string Describe(GuestResult result) => $"status {result.Status}, taint {result.Taint}\n{Plain(result.Output)}\n";

    /// <summary>Without the C source that kmod 30 names in its library's messages, and those messages: later versions have none.</summary>
    private static string Plain(string output) => string.Join('\n', output.Split('\n').Where(line => !line.Contains("libkmod-", StringComparison.Ordinal)));
}
