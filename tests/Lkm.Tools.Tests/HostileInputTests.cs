using System.Diagnostics;
using System.Text;
using Lkm.Modules;

namespace Lkm.Tools.Tests;

/// <summary>
/// Mutated modules, indexes and configuration through the readers. The number of mutations is 500 of each kind; the environment variable
/// LKM_FUZZ_COUNT asks for more (bench/tools/fuzz.sh, which also gives the process no more than 256 MiB for objects).
/// </summary>
public class HostileInputTests
{
    private static int Count => int.TryParse(Environment.GetEnvironmentVariable("LKM_FUZZ_COUNT"), out var count) ? count : 500;

    private static byte[] Mutate(byte[] good, Random random)
    {
        var bytes = good.AsSpan(0, random.Next(5) == 0 ? random.Next(good.Length + 1) : good.Length).ToArray();
        for (var n = random.Next(1, 8); n > 0 && bytes.Length > 0; n--)
        {
            var at = random.Next(3) == 0 ? Math.Min(random.Next(64), bytes.Length - 1) : random.Next(bytes.Length);
            bytes[at] = random.Next(3) switch { 0 => 0xFF, 1 => 0, _ => (byte)random.Next(256) };
        }
        return bytes;
    }

    [Fact]
    public void Modules_through_depmod_and_modinfo()
    {
        using var root = new FakeRoot();
        var good = new ModuleImage().Info("alias", "pci:*").Info("parm", "x:y").Info("softdep", "pre: z").Export("a", 1).Export("b", 2).Import("c", 3).Import("d").ToBytes();
        byte[][] all = [good, Compress(good, "gzip"), Compress(good, "xz"), Compress(good, "zstd")];
        string[] endings = ["ko", "ko.gz", "ko.xz", "ko.zst"];
        var random = new Random(42);
        root.Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        const int perRun = 500;
        for (var done = 0; done < Count; done += perRun)
        {
            var files = new string[perRun];
            for (var i = 0; i < perRun; i++)
            {
                var kind = i % all.Length;
                root.Write($"lib/modules/{FakeRoot.Release}/m{i}.{endings[kind]}", Mutate(all[kind], random));
                files[i] = $"{root.Modules}/m{i}.{endings[kind]}";
            }
            var clock = Stopwatch.StartNew();
            root.Run("depmod", "-n");
            root.Run("modinfo", files);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60));
        }
    }

    private static byte[] Compress(byte[] bytes, string program)
    {
        using var process = Process.Start(new ProcessStartInfo(program, ["-c", "-q"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        process.StandardInput.BaseStream.Write(bytes);
        process.StandardInput.Close();
        var packed = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(packed);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return packed.ToArray();
    }

    [Fact]
    public void Files_that_unpack_to_far_more_than_they_are_take_no_more_memory_than_allowed()
    {
        using var root = new FakeRoot();
        root.Write($"lib/modules/{FakeRoot.Release}/modules.order", "").Write($"lib/modules/{FakeRoot.Release}/bomb.ko.xz", Compress(new byte[64 << 20], "xz"));
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Contains("bomb.ko.xz: Exec format error", root.Run("depmod", "-n").Error);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 1L << 30);
    }

    [Fact]
    public void Indexes_and_configuration_through_modprobe()
    {
        using var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Export("a").Info("alias", "pci:v[0-9]*d?")).Module("b.ko", new ModuleImage().Import("a").Info("alias", "pci:v1*")).Depmod();
        var configuration = Encoding.UTF8.GetBytes("alias x-* a\noptions a b=\\\n1\ninstall q true\nsoftdep b pre: a q post: b\nsoftdep a post: b\nblacklist z\n");
        string[] indexes = ["modules.dep.bin", "modules.alias.bin", "modules.symbols.bin", "modules.builtin.bin"];
        var good = indexes.ToDictionary(name => name, name => File.ReadAllBytes($"{root.Modules}/{name}"));
        var random = new Random(43);
        for (var i = 0; i < Count; i++)
        {
            var name = indexes[random.Next(indexes.Length)];
            root.Write($"lib/modules/{FakeRoot.Release}/{name}", Mutate(good[name], random)).Write("etc/modprobe.d/x.conf", Mutate(configuration, random));
            foreach (var alias in (string[])["b", "pci:v1d2", "symbol:a", "x-1"])
            {
                Assert.InRange(root.Run("modprobe", "-D", alias).ExitCode, 0, 1);
            }
            Assert.Equal(0, root.Run("modprobe", "-c").ExitCode);
            root.Write($"lib/modules/{FakeRoot.Release}/{name}", good[name]);
        }
    }

    [Fact]
    public void The_incremental_cache_never_fails()
    {
        using var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Export("a").Info("alias", "x")).Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        root.Run("depmod", "-A");
        var path = $"{root.Modules}/modules.lkm-cache";
        var good = File.ReadAllBytes(path);
        var random = new Random(44);
        for (var i = 0; i < Count; i++)
        {
            File.WriteAllBytes(path, Mutate(good, random));
            SummaryCache.Load(path);
        }
    }

    [Fact]
    public void A_long_chain_of_soft_dependencies_ends()
    {
        using var root = new FakeRoot();
        var text = new StringBuilder();
        for (var i = 0; i < 20_000; i++)
        {
            text.Append($"softdep m{i} pre: m{i + 1}\ninstall m{i} true\n");
        }
        root.Write("etc/modprobe.d/x.conf", text.ToString());
        Assert.Equal(0, root.Run("modprobe", "-D", "m19000").ExitCode);
    }
}
