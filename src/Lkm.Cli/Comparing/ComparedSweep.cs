using System.Globalization;
using System.Text;
using Lkm.Cli.Sweeping;

namespace Lkm.Cli.Comparing;

/// <summary>A sweep beside the same sweep of real Linux: the outcomes, and beyond them the logs.</summary>
internal sealed class ComparedSweep
{
    /// <summary>Compares two sweeps.</summary>
    /// <param name="real">Real Linux's.</param>
    /// <param name="lkm">lkm's.</param>
    public ComparedSweep(SweepRecord real, SweepRecord lkm)
    {
        Report = new SweepReport(lkm, ExpectedOutcomes.Of(real));
        Dictionary<string, SweepResult> answers = real.Results.ToDictionary(result => result.Module);
        foreach (SweepResult result in Report.Results)
        {
            if (!answers.TryGetValue(result.Module, out SweepResult? answer) || Report.Differences.Contains(result))
                continue;
            if (answer.Taint != result.Taint)
                OtherTaints.Add((result.Module, answer.Taint, result.Taint));
            IReadOnlyList<AlignedLine> log = LineAlignment.Align(Lines(answer), Lines(result));
            if (log.Any(line => !line.IsSame))
                OtherLogs.Add((result.Module, log));
        }
    }

    /// <summary>The outcomes.</summary>
    public SweepReport Report { get; }

    /// <summary>Modules that ended the same way but did not log the same, with both logs.</summary>
    public List<(string Module, IReadOnlyList<AlignedLine> Log)> OtherLogs { get; } = [];

    /// <summary>Modules that ended the same way and left another taint: real Linux's, and lkm's.</summary>
    public List<(string Module, ulong Real, ulong Lkm)> OtherTaints { get; } = [];

    /// <summary>How many of those that ended the same way logged the same.</summary>
    public string LogSummary
    {
        get
        {
            int alike = Report.Compared - Report.Differences.Count;
            string taints = string.Concat(OtherTaints.Select(taint => string.Create(CultureInfo.InvariantCulture, $"; {taint.Module} left taint {taint.Lkm}, not {taint.Real}")));
            return string.Create(CultureInfo.InvariantCulture, $"{alike - OtherLogs.Count} of these {alike} logged the same, line by line{taints}");
        }
    }

    /// <summary>Modules of which the sides tell anything different.</summary>
    public IEnumerable<string> Different => Report.Differences.Select(result => result.Module).Concat(OtherLogs.Select(log => log.Module)).Concat(OtherTaints.Select(taint => taint.Module)).Distinct();

    /// <summary>The report's summary, and how many logs are the same.</summary>
    public string Summary => $"{Report.Summary}{LogSummary}\n";

    /// <summary>Both logs of each module that did not log the same, side by side.</summary>
    public string FormatLogs(int width)
    {
        var text = new StringBuilder();
        foreach ((string module, IReadOnlyList<AlignedLine> log) in OtherLogs)
            text.Append(new ComparisonTable(width, colour: false).FormatLog(module, log)).Append('\n');
        return text.ToString();
    }

    private static string[] Lines(SweepResult result) => [.. result.Log.SelectMany(message => message.Split('\n'))];
}
