using System.Globalization;
using Lkm.Distribution;
using Lkm.Kernel.Sessions;
using Lkm.Modules;
using Xunit.Abstractions;

namespace Lkm.Kernel.Tests;

/// <summary>
/// A kernel that stays up: modules come and go and nothing grows in the guest, and little in the program. The environment variable
/// LKM_TEST_ROUNDS makes it a nightly test: so many times the usual, so that 25 makes 1,000 modules at once and 250 makes 10,000 cycles.
/// </summary>
public class ReliabilityTests(ITestOutputHelper output)
{
    private static readonly int Rounds =
        int.TryParse(Environment.GetEnvironmentVariable("LKM_TEST_ROUNDS"), out var times) ? times : 1;

    /// <summary>Block devices, network devices, a network protocol, character sets, algorithms, a file system, modules that others need.</summary>
    private static readonly string[] Mixed = ["brd", "dummy", "nls_cp437", "loop", "md4", "veth", "8021q", "zram", "crc7", "tun", "minix", "ifb"];

    [Fact]
    public void Modules_come_and_go_and_nothing_grows()
    {
        using var session = NewSession();
        var cycles = 40 * Rounds;
        var warmUp = Math.Max(cycles / 10, 3 * Mixed.Length);
        Cycle(session, 0, warmUp);
        var before = Measure(session);
        output.WriteLine($"{warmUp}: {before}");
        for (var done = warmUp; done < cycles; done += Math.Max(cycles / 10, Mixed.Length))
        {
            Cycle(session, done, Math.Max(cycles / 10, Mixed.Length));
            output.WriteLine($"{done}: {Measure(session)}");
        }

        var after = Measure(session);
        output.WriteLine($"{cycles}: {after}");
        const long page = 4, kibibyte = 1024;
        Assert.InRange(after.SlabObjects, 0, before.SlabObjects + 64);
        Assert.InRange(after.VmallocUsed, 0, before.VmallocUsed + (4 * page));
        Assert.InRange(after.PerCpu, 0, before.PerCpu + page);
        Assert.InRange(after.Used, 0, before.Used + (8 * kibibyte)); // what is freed waits, poisoned, in quarantines of 4 and 2 MiB
        Assert.InRange(after.ManagedHeap, 0, before.ManagedHeap + (16 * kibibyte) + (256 * kibibyte)); // the log fills its ring
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Many_modules_are_resident_at_once()
    {
        using var session = NewSession();
        var wanted = 40 * Rounds;
        var loaded = 0;
        foreach (var file in new[] { "fs", "net", "crypto", "lib", "drivers/net", "drivers/usb" }.SelectMany(FilesUnder))
        {
            session.Run($"modprobe {Path.GetFileName(file).Split('.')[0]}");
            loaded = session.Run("cat /proc/modules").Output.Count(c => c == '\n');
            if (loaded >= wanted)
                break;
        }

        Assert.InRange(loaded, wanted, int.MaxValue);
        Assert.Equal(0, session.Run("modprobe brd && echo -n kept > /dev/ram0 && grep -q '^brd ' /proc/modules").Status);
        Assert.Equal("kept", session.Run("head -c 4 /dev/ram0").Output);
    }

    private static IEnumerable<string> FilesUnder(string folder) =>
        Directory.EnumerateFiles(Path.Combine(BootedKernel.Source.ModulesDirectory!, "kernel", folder), "*.ko*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal);

    [Fact]
    public void Who_allocated_an_object_is_known_as_long_as_it_lives()
    {
        using var session = NewSession();
        var (slab, tracks) = (session.Kernel.Slab, session.Kernel.Tracks);
        tracks.MostGrowth = 4096;
        Assert.Equal(0, session.Run("modprobe ext4").Status);
        var known = slab.LiveObjects().ToDictionary(o => (o.Address, o.Sequence), o => tracks[o.Track]?.Frames);
        Cycle(session, 0, Mixed.Length);
        var still = slab.LiveObjects().Where(o => known.ContainsKey((o.Address, o.Sequence))).ToList();
        Assert.InRange(still.Count(o => o.Track != 0), 20, int.MaxValue);
        Assert.All(still, o => Assert.Equal(known[(o.Address, o.Sequence)], tracks[o.Track]?.Frames));
    }

    private static KernelSession NewSession()
    {
        var cache = LkmCache.FromEnvironment();
        var found = new KernelLocator(cache).Locate("debian:6.1");
        Assert.True(found.Succeeded, found.Error);
        var kernel = UserModeKernel.Start(new KernelOptions(found.Value.ImagePath, cache.Root)).Value;
        kernel.InstructionLimit = long.MaxValue / 2;
        return new KernelSession(kernel, new Lkm.Modules.ModuleContext(ModuleDirectory.Open(found.Value.ModulesDirectory!), ModprobeConfiguration.Empty));
    }

    private static void Cycle(KernelSession session, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            var name = Mixed[i % Mixed.Length];
            var loaded = session.Run($"modprobe {name}");
            Assert.True(loaded.Status == 0, $"cycle {i}: {loaded.Output}");
            var unloaded = session.Run($"modprobe -r {name}");
            Assert.True(unloaded.Status == 0, $"cycle {i}: {unloaded.Output}");
        }
    }

    /// <summary>All in KiB but the objects.</summary>
    private readonly record struct Usage(long Used, long SlabObjects, long VmallocUsed, long PerCpu, long ManagedHeap, long Resident);

    private static Usage Measure(KernelSession session)
    {
        var meminfo = session.Run("cat /proc/meminfo").Output.Split('\n');
        var objects = session.Run("cat /proc/slabinfo").Output.Split('\n').Skip(2)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(row => row.Length > 1)
            .Sum(row => long.Parse(row[1], CultureInfo.InvariantCulture));
        return new Usage(
            Kilobytes("MemTotal") - Kilobytes("MemFree"), objects, Kilobytes("VmallocUsed"), Kilobytes("Percpu"),
            GC.GetTotalMemory(forceFullCollection: true) / 1024, Environment.WorkingSet / 1024);

        long Kilobytes(string name) =>
            long.Parse(Array.Find(meminfo, line => line.StartsWith(name + ":", StringComparison.Ordinal))!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
