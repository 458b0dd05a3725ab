using System.Globalization;
using System.Text;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Sweeping;

/// <summary>A sweep's results in the order of the modules' names, counted, and beside what real Linux did where that is known.</summary>
internal sealed class SweepReport
{
    private readonly Dictionary<SweepOutcome, int> _counts = [];

    /// <summary>Makes the report.</summary>
    /// <param name="record">What the sweep found out.</param>
    /// <param name="expected">What real Linux did; empty when that is not known.</param>
    public SweepReport(SweepRecord record, IReadOnlyDictionary<string, ExpectedOutcome> expected)
    {
        Kernel = record.Kernel;
        Expected = expected;
        Results = [.. record.Results.OrderBy(result => result.Module, StringComparer.Ordinal)];
        foreach (SweepResult result in Results)
            _counts[result.Outcome] = _counts.GetValueOrDefault(result.Outcome) + 1;
        Compared = Results.Count(result => expected.ContainsKey(result.Module));
        Differences = [.. Results.Where(result => expected.TryGetValue(result.Module, out ExpectedOutcome? wanted) && !wanted.IsMetBy(result))];
    }

    /// <summary>The kernel's release.</summary>
    public string Kernel { get; }

    /// <summary>All results, by name.</summary>
    public IReadOnlyList<SweepResult> Results { get; }

    /// <summary>What real Linux did.</summary>
    public IReadOnlyDictionary<string, ExpectedOutcome> Expected { get; }

    /// <summary>How many results have an expectation.</summary>
    public int Compared { get; }

    /// <summary>Those that real Linux answered otherwise.</summary>
    public IReadOnlyList<SweepResult> Differences { get; }

    /// <summary>Whether nothing failed, no rule was broken, and nothing differs.</summary>
    public bool IsGood => Differences.Count == 0 && !Results.Any(result => result.NeedsAttention);

    /// <summary>How many modules had an outcome.</summary>
    public int Count(SweepOutcome outcome) => _counts.GetValueOrDefault(outcome);

    /// <summary>The per cent of the compared results that are as real Linux's.</summary>
    public double Parity => Compared == 0 ? 100 : 100.0 * (Compared - Differences.Count) / Compared;

    /// <summary>What people want to know first, on a few lines.</summary>
    public string Summary
    {
        get
        {
            var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Wording.Count(Results.Count, "module")} of {Kernel}:");
            foreach (SweepOutcome outcome in SweepOutcomes.All.Where(outcome => Count(outcome) > 0))
                text.Append(CultureInfo.InvariantCulture, $" {Count(outcome)} {outcome.Name()},");
            text.Length--;
            text.Append(CultureInfo.InvariantCulture, $"; {Results.Count(result => result.Findings.Count > 0)} broke a rule\n");
            if (Compared > 0)
            {
                text.Append(CultureInfo.InvariantCulture,
                    $"{Compared} of them compared with real Linux: {Compared - Differences.Count} the same ({Parity:f1} %)\n");
            }
            return text.ToString();
        }
    }
}
