using System.Text.Json;
using Lkm.Cli.Comparing;
using Lkm.Cli.Sweeping;

namespace Lkm.Cli.Tests.Comparing;

public class ComparisonTests
{
    private static SideStep Step(string outcome = SideStep.Ok, string[]? output = null, params LogLine[] log) => new(outcome, output ?? [], log);

    private static Comparison Compare(SideRun real, SideRun lkm) => Comparison.Of("brd", "6.1", ["load", "$ ls", "unload"], real, lkm);

    [Fact]
    public void The_same_on_both_sides_is_the_same()
    {
        SideRun Side(string address) => new([Step(log: new LogLine(6, $"at {address}")), Step(output: ["a", "b"]), Step()], 4096);
        Comparison comparison = Compare(Side("00000000f3a1b2c4"), Side("00000000a1a1a1a1"));
        Assert.Empty(comparison.Differences);
        Assert.Equal("the same", comparison.Verdict);
    }

    [Fact]
    public void Every_kind_of_difference_is_told()
    {
        var real = new SideRun([Step(log: new LogLine(6, "one")), Step(output: ["a"]), Step("EBUSY")], 0);
        var lkm = new SideRun([Step(log: new LogLine(6, "two")), Step("status 1", ["b"]), Step()], 512);
        Assert.Equal(["log of load", "outcome of $ ls", "output of $ ls", "outcome of unload", "taint"], Compare(real, lkm).Differences);
    }

    [Fact]
    public void A_side_that_did_not_come_to_a_step_differs()
    {
        Comparison comparison = Compare(new SideRun([Step("ENODEV")], 0), new SideRun([Step(), Step(), Step()], 0));
        Assert.Equal(["outcome of load", "outcome of $ ls", "outcome of unload"], comparison.Differences);
    }

    [Fact]
    public void The_table_marks_what_differs_and_wraps_what_is_wide()
    {
        string wide = new('w', 30);
        var real = new SideRun([Step(log: [new LogLine(6, "same"), new LogLine(6, wide)])], 0);
        var lkm = new SideRun([Step(log: [new LogLine(6, "same"), new LogLine(6, "other\t\u0007")])], 0);
        string table = new ComparisonTable(63, colour: false).Format(Compare(real, lkm), "tcg");
        string[] lines = table.Split('\n');
        Assert.Contains("  log     same                        same", lines);
        Assert.Contains($"          {wide[..25]} | other    ?", lines);
        Assert.Contains($"          {wide[25..]}", lines);
        Assert.All(lines, line => Assert.True(line.Length <= 63, line));
        Assert.EndsWith("different: log of load\n", table);
    }

    [Fact]
    public void The_document_tells_the_same()
    {
        using var stream = new MemoryStream();
        ComparisonJson.Write(stream, Compare(new SideRun([Step("ENODEV")], 0), new SideRun([Step("EIO")], 0)));
        using var document = JsonDocument.Parse(stream.ToArray());
        Assert.False(document.RootElement.GetProperty("same").GetBoolean());
        JsonElement outcome = document.RootElement.GetProperty("steps")[0].GetProperty("outcome")[0];
        Assert.Equal(("ENODEV", "EIO"), (outcome.GetProperty("real").GetString(), outcome.GetProperty("lkm").GetString()));
    }

    [Theory]
    [InlineData("ENODEV", null, "load-failed ENODEV")]
    [InlineData("ok", "ok", "ok")]
    [InlineData("ok", "EBUSY", "unload-failed EBUSY")]
    [InlineData("timed out after 60 s", null, "timed-out")]
    [InlineData("ok", "stopped: the machine died or did not answer", "stopped")]
    public void A_run_of_real_Linux_is_summarised_as_a_sweep_does(string load, string? unload, string answer)
    {
        SideStep[] steps = unload is null ? [Step(load)] : [Step(load), Step(unload)];
        Assert.Equal(answer, RealSweep.Summarise("brd", new SideRun(steps, 0)).Answer);
    }

    [Fact]
    public void Sweeps_are_compared_by_outcome_and_then_by_log()
    {
        SweepResult Result(string module, SweepOutcome outcome, string? errno = null, params string[] log) =>
            new() { Module = module, Outcome = outcome, Errno = errno, Log = log };
        var sweep = new ComparedSweep(
            new SweepRecord("6.1", [Result("a", SweepOutcome.Ok, null, "hello"), Result("b", SweepOutcome.LoadFailed, "ENODEV"), Result("c", SweepOutcome.UnloadFailed, "EBUSY"),
                Result("d", SweepOutcome.Ok), Result("e", SweepOutcome.TimedOut)]),
            new SweepRecord("6.1", [Result("a", SweepOutcome.Ok, null, "good", "bye"), Result("b", SweepOutcome.LoadFailed, "EIO"), Result("c", SweepOutcome.UnloadFailed, "EAGAIN"),
                Result("d", SweepOutcome.Ok) with { Taint = 512 }, Result("e", SweepOutcome.Ok)]));
        Assert.Equal(["b"], sweep.Report.Differences.Select(result => result.Module));
        Assert.Equal(4, sweep.Report.Compared);
        Assert.Equal(["a"], sweep.OtherLogs.Select(entry => entry.Module));
        Assert.Contains("2 of these 3 logged the same, line by line; d left taint 512, not 0\n", sweep.Summary);
        Assert.Equal(["b", "a", "d"], sweep.Different);
        Assert.Contains("hello", sweep.FormatLogs(100));
    }
}
