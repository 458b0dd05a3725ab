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
        HostCommandResult run = Lkm(null, hello, "--kernel", "debian:6.1-cloud", "--do", "cat /sys/module/hello/initstate", "--json");
        using var document = JsonDocument.Parse(run.Output);
        JsonElement[] steps = [.. document.RootElement.GetProperty("steps").EnumerateArray()];
        Assert.Equal(["load", "$ cat /sys/module/hello/initstate", "unload"], steps.Select(step => step.GetProperty("name").GetString()));
        Assert.All(steps, step => Assert.Equal("ok", step.GetProperty("outcome")[0].GetProperty("real").GetString()));
        Assert.All(steps.SelectMany(step => step.GetProperty("log").EnumerateArray()), line => Assert.True(line.GetProperty("same").GetBoolean(), line.ToString()));
        Assert.Equal("live", steps[1].GetProperty("output")[0].GetProperty("real").GetString());
        Assert.True(steps[1].GetProperty("output")[0].GetProperty("same").GetBoolean());
    }

    [Fact]
    public void Several_modules_make_a_sweep_on_both_sides()
    {
        HostCommandResult run = Lkm(null, "--kernel", "debian:6.1-cloud", "dm-mod", "edd", "--output", "both");
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains("2 of them compared with real Linux: 2 the same (100.0 %)", run.Output);
        Assert.Equal(2, ExpectedOutcomes.Read(Path.Combine(_folder, "both", "real-linux-outcomes.json")).Value!.Count);
        foreach (string file in (string[])["sweep.json", "compatibility.md", "logs.txt", "real-linux/results.jsonl"])
            Assert.True(File.Exists(Path.Combine(_folder, "both", file)), file);
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
