using System.Text.Json;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;

namespace Lkm.Cli.Tests.Sweeping;

/// <summary>Sweeps as a user runs them.</summary>
public sealed class SweepCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-sweep-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private HostCommandResult Lkm(params string[] arguments) =>
        HostCommand.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "sweep", .. arguments], _folder);

    [Fact]
    public void The_shards_of_a_sweep_together_are_the_whole()
    {
        string[] selection = ["--modules", "crc[78]", "--modules", "crc16", "--modules", "crc32*pclmul"];
        Assert.Equal(0, Lkm([.. selection, "--shard", "1/2", "--output", "one"]).ExitCode);
        Assert.Equal(0, Lkm([.. selection, "--shard", "2/2", "--output", "two"]).ExitCode);
        HostCommandResult merged = Lkm("--merge", "one", "two", "--output", "whole", "--json");
        Assert.True(merged.ExitCode == 0, merged.Error);
        using var document = JsonDocument.Parse(merged.Output);
        var outcomes = document.RootElement.GetProperty("results").EnumerateArray()
            .Select(result => $"{result.GetProperty("module")} {result.GetProperty("outcome")} {result.GetProperty("errno")}");
        Assert.Equal(["crc16 ok ", "crc32_pclmul load-failed ENODEV", "crc7 ok ", "crc8 ok "], outcomes);
        foreach (string file in (string[])["sweep.json", "junit.xml", "table.txt", "compatibility.md"])
            Assert.True(File.Exists(Path.Combine(_folder, "whole", file)), file);
    }

    [Fact]
    public void A_resumed_sweep_runs_only_what_is_missing()
    {
        Assert.Equal(0, Lkm("--modules", "crc7", "--output", "sweep").ExitCode);
        string results = Path.Combine(_folder, "sweep", "results.jsonl");
        string marked = File.ReadAllText(results).Replace("\"milliseconds\":", "\"milliseconds\":90000000", StringComparison.Ordinal);
        File.WriteAllText(results, marked);
        Assert.Equal(0, Lkm("--modules", "crc[78]", "--output", "sweep", "--resume").ExitCode);
        SweepRecord record = SweepFolder.Read(Path.Combine(_folder, "sweep")).Value!;
        Assert.Equal(["crc7", "crc8"], record.Results.Select(result => result.Module));
        Assert.True(record.Results[0].Milliseconds > 90000000);
    }

    [Fact]
    public void A_module_that_breaks_a_limit_ends_its_process_and_the_sweep_goes_on()
    {
        var worker = new WorkerProcess(["sh", "-c", "while read name; do [ $name = slow ] && sleep 60; [ $name = bad ] && exit 7; echo \"$ANSWER\"; done"],
            new SweepLimits(TimeSpan.FromSeconds(2), long.MaxValue));
        using (worker)
        {
            Assert.Equal(SweepOutcome.TimedOut, worker.Run("slow").Outcome);
            SweepResult crashed = worker.Run("bad");
            Assert.Equal(SweepOutcome.Crashed, crashed.Outcome);
            Assert.Contains("7", crashed.Reason);
        }
        using var small = new WorkerProcess(["sleep", "60"], new SweepLimits(TimeSpan.FromSeconds(30), 1));
        Assert.Equal(SweepOutcome.OutOfMemory, small.Run("any").Outcome);
    }

    [Fact]
    public void An_outcome_other_than_the_expected_one_fails_the_sweep()
    {
        File.WriteAllText(Path.Combine(_folder, "real.json"), """{"crc7": {"status": "load-failed", "errno": "EBUSY"}}""");
        HostCommandResult result = Lkm("--modules", "crc7", "--expected", "real.json", "--output", "sweep");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("1 of them compared with real Linux: 0 the same (0.0 %)", result.Output);
    }

    [Theory]
    [InlineData("--shard 2")]
    [InlineData("--jobs 0")]
    [InlineData("folder")]
    public void Unusable_arguments_are_2(string line) => Assert.Equal(2, Lkm(line.Split(' ')).ExitCode);
}
