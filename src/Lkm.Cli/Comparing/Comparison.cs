namespace Lkm.Cli.Comparing;

/// <summary>A step of both sides.</summary>
/// <param name="Name"><c>load</c>, <c>$ LINE</c>, <c>unload</c>.</param>
/// <param name="Real">What real Linux did; null when it did not come to it.</param>
/// <param name="Lkm">What lkm did; null when it did not come to it.</param>
internal sealed record ComparedStep(string Name, SideStep? Real, SideStep? Lkm)
{
    /// <summary>The outcomes.</summary>
    public AlignedLine Outcome { get; } = new(Real?.Outcome, Lkm?.Outcome, Real?.Outcome == Lkm?.Outcome);

    /// <summary>The output, line by line.</summary>
    public IReadOnlyList<AlignedLine> Output { get; } = LineAlignment.Align(Real?.Output ?? [], Lkm?.Output ?? []);

    /// <summary>The log, line by line.</summary>
    public IReadOnlyList<AlignedLine> Log { get; } = LineAlignment.Align(Real?.Log ?? [], Lkm?.Log ?? []);

    /// <summary>What of the step is not the same: <c>outcome</c>, <c>output</c>, <c>log</c>.</summary>
    public IEnumerable<string> Differences
    {
        get
        {
            if (!Outcome.IsSame)
                yield return "outcome";
            if (Output.Any(line => !line.IsSame))
                yield return "output";
            if (Log.Any(line => !line.IsSame))
                yield return "log";
        }
    }
}

/// <summary>A run on real Linux beside the same run on lkm.</summary>
/// <param name="Title">What was run.</param>
/// <param name="Kernel">The kernel's release.</param>
/// <param name="Steps">The steps, in order.</param>
/// <param name="RealTaint">Real Linux's taint at the end.</param>
/// <param name="LkmTaint">lkm's taint at the end.</param>
internal sealed record Comparison(string Title, string Kernel, IReadOnlyList<ComparedStep> Steps, ulong RealTaint, ulong LkmTaint)
{
    /// <summary>Compares two sides.</summary>
    /// <param name="title">What was run.</param>
    /// <param name="kernel">The kernel's release.</param>
    /// <param name="names">The names of the steps that a run has which comes to its end.</param>
    /// <param name="real">What real Linux did.</param>
    /// <param name="lkm">What lkm did.</param>
    public static Comparison Of(string title, string kernel, IReadOnlyList<string> names, SideRun real, SideRun lkm)
    {
        var steps = new List<ComparedStep>();
        for (int i = 0; i < Math.Max(real.Steps.Count, lkm.Steps.Count); i++)
            steps.Add(new ComparedStep(names[i], real.Steps.ElementAtOrDefault(i), lkm.Steps.ElementAtOrDefault(i)));
        return new Comparison(title, kernel, steps, real.Taint, lkm.Taint);
    }

    /// <summary>What is not the same: <c>log of load</c>, <c>taint</c>.</summary>
    public IReadOnlyList<string> Differences { get; } =
    [
        .. Steps.SelectMany(step => step.Differences.Select(what => $"{what} of {step.Name}")),
        .. RealTaint == LkmTaint ? (ReadOnlySpan<string>)[] : ["taint"],
    ];

    /// <summary>One line: the same, or what differs.</summary>
    public string Verdict => Differences.Count == 0 ? "the same" : $"different: {string.Join(", ", Differences)}";
}
