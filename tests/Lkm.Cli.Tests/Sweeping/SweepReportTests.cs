using System.Xml.Linq;
using Lkm.Cli.Sweeping;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Tests.Sweeping;

/// <summary>What a sweep says in the end.</summary>
public class SweepReportTests
{
    private static readonly SweepResult[] s_results =
    [
        new() { Module = "refused", Outcome = SweepOutcome.LoadFailed, Errno = "ENODEV", Reason = "no device" },
        new() { Module = "fine", Outcome = SweepOutcome.Ok },
        new() { Module = "leaky", Outcome = SweepOutcome.Ok, Findings = [new Finding("leak", "8 bytes | 1 object")], Log = ["a\u0001b"] },
        new() { Module = "hung", Outcome = SweepOutcome.TimedOut, Reason = "did not finish" },
    ];

    private static SweepReport Report(params (string Module, SweepOutcome Outcome, string? Errno)[] expected) =>
        new(new SweepRecord("6.1", s_results), expected.ToDictionary(e => e.Module, e => new ExpectedOutcome(e.Outcome, e.Errno)));

    [Fact]
    public void A_refusal_with_an_errno_is_an_answer_and_a_run_that_failed_is_not()
    {
        var good = new SweepReport(new SweepRecord("6.1", s_results[..2]), new Dictionary<string, ExpectedOutcome>());
        Assert.True(good.IsGood);
        Assert.False(Report().IsGood);
        Assert.Equal("4 modules of 6.1: 2 ok, 1 load-failed, 1 timed-out; 1 broke a rule\n", Report().Summary);
    }

    [Fact]
    public void An_expected_errno_has_to_be_the_same()
    {
        var report = Report(("refused", SweepOutcome.LoadFailed, "EBUSY"), ("fine", SweepOutcome.Ok, null), ("absent", SweepOutcome.Ok, null));
        Assert.Equal(2, report.Compared);
        Assert.Equal("refused", Assert.Single(report.Differences).Module);
        Assert.Equal(50, report.Parity);
        Assert.Contains("| refused | load-failed EBUSY | load-failed ENODEV | no device |", SweepReportFiles.Markdown(report));
    }

    [Fact]
    public void JUnit_counts_failures_and_skips_refusals_and_is_valid_whatever_the_log_holds()
    {
        using var stream = new MemoryStream();
        SweepReportFiles.WriteJUnit(stream, Report());
        stream.Position = 0;
        var suite = XDocument.Load(stream).Root!;
        Assert.Equal("4", suite.Attribute("tests")!.Value);
        Assert.Equal("2", suite.Attribute("failures")!.Value);
        Assert.Equal("1", suite.Attribute("skipped")!.Value);
        Assert.Equal(["fine", "hung", "leaky", "refused"], suite.Elements("testcase").Select(test => test.Attribute("name")!.Value));
        Assert.Equal("a?b", suite.Elements("testcase").Single(test => test.Attribute("name")!.Value == "leaky").Element("failure")!.Value);
    }

    [Fact]
    public void A_table_of_what_real_Linux_did_is_read()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{"a": {"status": "ok", "errno": null, "unload_rc": 0}, "b": {"status": "load-failed", "errno": "ENODEV"}}""");
            var table = ExpectedOutcomes.Read(file).Value!;
            Assert.Equal(new ExpectedOutcome(SweepOutcome.LoadFailed, "ENODEV"), table["b"]);
            File.WriteAllText(file, """{"a": {"status": "splendid", "errno": null}}""");
            Assert.Contains("splendid", ExpectedOutcomes.Read(file).Error);
            File.WriteAllText(file, "[1]");
            Assert.Contains(file, ExpectedOutcomes.Read(file).Error);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("1/1", true)]
    [InlineData("3/4", true)]
    [InlineData("0/4", false)]
    [InlineData("5/4", false)]
    [InlineData("1", false)]
    [InlineData("a/b", false)]
    public void A_shard_is_one_of_N_counted_from_one(string text, bool valid) => Assert.Equal(valid, SweepShard.TryParse(text, out _));
}
