using System.Diagnostics;
using System.Text.Json;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;

namespace Lkm.Cli.Tests.Comparing;

/// <summary>Comparisons as a user runs them.</summary>
public sealed class CompareCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-compare-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private HostCommandResult Lkm(string? path, params string[] arguments) =>
        HostCommand.Run(HostCommand.Find("dotnet")!, [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "compare", .. arguments], _folder,
            path is null ? [] : [new("PATH", path)]);

    [Fact]
    public void A_module_of_ones_own_does_the_same_on_both_sides()
    {
        string hello = Path.Combine(_folder, "hello");
        Assert.Equal(0, HostCommand.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "new", "hello"], _folder).ExitCode);
        HostCommandResult run = Lkm(null, hello, "--kernel", "debian:6.1-cloud", "--do", "cat /sys/module/hello/initstate", "--do", "x=5; cd /sys", "--do", "echo $x; pwd", "--json");
        using var document = JsonDocument.Parse(run.Output);
        JsonElement[] steps = [.. document.RootElement.GetProperty("steps").EnumerateArray()];
        Assert.Equal(["load", "$ cat /sys/module/hello/initstate", "$ x=5; cd /sys", "$ echo $x; pwd", "unload"], steps.Select(step => step.GetProperty("name").GetString()));
        Assert.All(steps, step => Assert.Equal("ok", step.GetProperty("outcome")[0].GetProperty("real").GetString()));
        Assert.All(steps.SelectMany(step => step.GetProperty("log").EnumerateArray()), line => Assert.True(line.GetProperty("same").GetBoolean(), line.ToString()));
        Assert.Equal("live", steps[1].GetProperty("output")[0].GetProperty("real").GetString());
        Assert.All(steps.SelectMany(step => step.GetProperty("output").EnumerateArray()), line => Assert.True(line.GetProperty("same").GetBoolean(), line.ToString()));
    }

    [Fact]
    public void A_module_that_a_command_has_unloaded_is_missed_on_both_sides()
    {
        string hello = Path.Combine(_folder, "hello");
        Assert.Equal(0, HostCommand.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "new", "hello"], _folder).ExitCode);
        HostCommandResult run = Lkm(null, hello, "--kernel", "debian:6.1-cloud", "--do", "rmmod hello", "--json");
        using var document = JsonDocument.Parse(run.Output);
        JsonElement unload = document.RootElement.GetProperty("steps").EnumerateArray().Last();
        Assert.Equal("unload", unload.GetProperty("name").GetString());
        Assert.Equal("ENOENT", unload.GetProperty("outcome")[0].GetProperty("real").GetString());
        Assert.True(unload.GetProperty("outcome")[0].GetProperty("same").GetBoolean());
    }

    [Fact]
    public void A_module_that_a_command_loads_comes_along()
    {
        string hello = Path.Combine(_folder, "hello");
        Assert.Equal(0, HostCommand.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "new", "hello"], _folder).ExitCode);
        HostCommandResult run = Lkm(null, hello, "--kernel", "debian:6.1-cloud", "--do", $"rmmod hello; insmod {hello}/hello.ko && cat /sys/module/hello/initstate", "--json");
        using var document = JsonDocument.Parse(run.Output);
        JsonElement step = document.RootElement.GetProperty("steps")[1];
        Assert.Equal("live", step.GetProperty("output")[0].GetProperty("real").GetString());
        Assert.True(step.GetProperty("output")[0].GetProperty("same").GetBoolean());
    }

    [Fact]
    public void Commands_for_devices_are_there_on_both_sides()
    {
        HostCommandResult run = Lkm(null, "brd", "--kernel", "debian:6.1-cloud", "--json",
            "--do", "ioctl /dev/ram0 '_IO(0x12,104)' hex:00000000", // BLKSSZGET
            "--do", "ioctl /dev/ram0 '_IO(0x12)'",
            "--do", "poll /dev/ram0 in,out",
            "--do", "mmap /dev/ram0 4096 8 -w 2:4c4b4d | hexdump -C",
            "--do", "mmap /dev/nothing 0 1",
            "--do", "fasync /dev/ram0");
        using var document = JsonDocument.Parse(run.Output);
        JsonElement[] steps = [.. document.RootElement.GetProperty("steps").EnumerateArray()];
        JsonElement[] lines = [.. steps.SelectMany(step => step.GetProperty("output").EnumerateArray())];
        Assert.Contains("hex:00020000", lines.Select(line => line.GetProperty("real").GetString()));
        Assert.Contains("00000000  00 00 4c 4b 4d 00 00 00                           |..LKM...|", lines.Select(line => line.GetProperty("real").GetString()));
        Assert.All(lines, line => Assert.True(line.GetProperty("same").GetBoolean(), line.ToString()));
        Assert.All(steps, step => Assert.True(step.GetProperty("outcome")[0].GetProperty("same").GetBoolean(), step.ToString()));
    }

    [Fact]
    public void Several_modules_make_a_sweep_on_both_sides()
    {
        HostCommandResult run = Lkm(null, "--kernel", "debian:6.1-cloud", "dm-mod", "edd", "--output", "both", "--timeout", Patience.Seconds(120));
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("2 of them compared with real Linux: 2 the same (100.0 %)", run.Output);
        Assert.Equal(2, ExpectedOutcomes.Read(Path.Combine(_folder, "both", "real-linux-outcomes.json")).Value!.Count);
        foreach (string file in (string[])["sweep.json", "compatibility.md", "logs.txt", "real-linux/results.jsonl"])
            Assert.True(File.Exists(Path.Combine(_folder, "both", file)), file);
    }

    [Fact]
    public void Several_modules_are_names_whatever_lies_in_the_current_folder()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "dm-mod"));
        HostCommandResult run = Lkm(null, "--kernel", "debian:6.1-cloud", "dm-mod", "no-such-module");
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lkm: no_such_module: no such module in ", run.Error);
    }

    [Fact]
    public void A_parameter_may_be_a_path()
    {
        HostCommandResult run = Lkm(null, "--kernel", "debian:6.1-cloud", "no-such-module", "log=/tmp/log.ko");
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lkm: no-such-module: ", run.Error);
    }

    [Fact]
    public void Real_Linux_ends_with_a_program_that_is_killed()
    {
        using Process lkm = Process.Start(new ProcessStartInfo(HostCommand.Find("dotnet")!,
            [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "compare", "dm-mod", "--kernel", "debian:6.1-cloud", "--do", "while :; do :; done"]))!;
        int? machine = Await(() => Children(lkm.Id).FirstOrDefault(pid => File.ReadAllText($"/proc/{pid}/comm").StartsWith("qemu", StringComparison.Ordinal)));
        Assert.NotNull(machine);
        lkm.Kill();
        Assert.NotNull(Await(() => Directory.Exists($"/proc/{machine}") ? 0 : 1));
    }

    /// <summary>The value when there is one; null after two minutes.</summary>
    private static int? Await(Func<int> value)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(2); DateTime.UtcNow < end; Thread.Sleep(50))
        {
            if (value() is not 0 and int found)
                return found;
        }
        return null;
    }

    /// <summary>A process's children, of all its threads that are still there.</summary>
    private static List<int> Children(int parent)
    {
        var children = new List<int>();
        foreach (string thread in Directory.GetDirectories($"/proc/{parent}/task"))
        {
            try
            {
                children.AddRange(File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse));
            }
            catch (IOException)
            {
                // The thread has ended.
            }
        }
        return children;
    }

    [Fact]
    public void What_is_missing_is_named_with_its_package()
    {
        HostCommandResult run = Lkm(_folder, "brd");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("apt-get install qemu-system-x86 busybox-static kmod", run.Error);
        Assert.Contains("(missing: qemu-system-x86)", run.Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--sample none")]
    [InlineData("brd rd_nr=1 loop")]
    [InlineData("brd loop --do ls")]
    public void Unusable_arguments_are_2(string line)
    {
        HostCommandResult run = Lkm(null, line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("lkm: compare: ", run.Error);
    }

    [Fact]
    public void A_sample_is_the_same_each_time_and_another_with_another_seed()
    {
        string[] names = [.. Enumerable.Range(0, 1000).Select(i => $"module_{i}")];
        IReadOnlyList<string> one = SweepSelection.Sample(names, 50, 1);
        Assert.Equal(one, SweepSelection.Sample([.. names.Reverse()], 50, 1));
        Assert.NotEqual(one, SweepSelection.Sample(names, 50, 2));
        Assert.Equal(50, one.Distinct().Count());
    }
}
