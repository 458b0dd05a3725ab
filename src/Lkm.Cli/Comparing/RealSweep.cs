using System.Diagnostics;
using Lkm.Cli.Running;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;

namespace Lkm.Cli.Comparing;

/// <summary>Many of a kernel's modules in real Linux: <c>modprobe</c> and <c>modprobe -r</c>, each in a machine of its own, as results of a sweep.</summary>
/// <param name="side">Runs one.</param>
internal sealed class RealSweep(RealSide side)
{
    /// <summary>Runs a module.</summary>
    public SweepResult Run(string module)
    {
        long started = Stopwatch.GetTimestamp();
        Outcome<SideRun> run = side.Run([new PlannedModule(module, "", "", IsAsked: true, IsRequired: true) { IsProbed = true }], []);
        SweepResult result = run.Succeeded
            ? Summarise(module, run.Value)
            : new SweepResult { Module = module, Outcome = SweepOutcome.Crashed, Reason = run.Error };
        return result with { Milliseconds = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds };
    }

    /// <summary>A run as a sweep says it.</summary>
    internal static SweepResult Summarise(string module, SideRun run)
    {
        SideStep last = run.Steps[^1];
        SweepOutcome outcome = SweepOutcome.Ok;
        if (last.Outcome.StartsWith("timed out", StringComparison.Ordinal))
            outcome = SweepOutcome.TimedOut;
        else if (last.Outcome.StartsWith("stopped", StringComparison.Ordinal))
            outcome = SweepOutcome.Stopped;
        else if (last.Outcome != SideStep.Ok)
            outcome = run.Steps.Count == 1 ? SweepOutcome.LoadFailed : SweepOutcome.UnloadFailed;
        return new SweepResult
        {
            Module = module,
            Outcome = outcome,
            Errno = outcome is SweepOutcome.LoadFailed or SweepOutcome.UnloadFailed ? last.Outcome : null,
            Reason = outcome.IsFailure() ? last.Outcome : null,
            Log = [.. run.Steps.SelectMany(step => step.Log).Select(line => line.Text)],
            Taint = run.Taint,
        };
    }
}
