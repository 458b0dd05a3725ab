using System.Diagnostics;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Sweeping;

/// <summary>
/// The process that runs modules for a sweep, each in a kernel of its own. It reads a name a line from standard input and answers each with a
/// line; what goes wrong so badly that no answer comes ends this process only, and the sweep goes on with another.
/// </summary>
/// <param name="kernel">The kernel.</param>
internal sealed class SweepWorker(KernelSource kernel)
{
    /// <summary>Serves until there are no more names.</summary>
    public void Serve(TextReader names, TextWriter results)
    {
        while (names.ReadLine() is { } name)
        {
            results.WriteLine(Run(name).ToLine());
            results.Flush();
        }
    }

    /// <summary>Runs one module.</summary>
    public SweepResult Run(string name)
    {
        long started = Stopwatch.GetTimestamp();
        SweepResult result;
        try
        {
            result = RunInKernel(name);
        }
        catch (Exception bug) when (bug is not OutOfMemoryException)
        {
            result = new SweepResult { Module = name, Outcome = SweepOutcome.Crashed, Reason = bug.ToString().ReplaceLineEndings(" | ") };
        }
        return result with { Milliseconds = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds };
    }

    private SweepResult RunInKernel(string name)
    {
        Outcome<IReadOnlyList<PlannedModule>> plan = RunPlan.Make(kernel, [name], "");
        if (!plan.Succeeded)
            return new SweepResult { Module = name, Outcome = SweepOutcome.LoadFailed, Reason = plan.Error };
        Outcome<RunReport> report = ModuleRunner.RunFresh(kernel, plan.Value, [], static (_, _) => { });
        return report.Succeeded
            ? Summarise(name, report.Value)
            : new SweepResult { Module = name, Outcome = SweepOutcome.Stopped, Reason = report.Error };
    }

    private static SweepResult Summarise(string name, RunReport report)
    {
        SweepOutcome outcome = SweepOutcome.Ok;
        StepResult? failed = null;
        if (report.Findings.Any(finding => finding.Kind == Finding.Stopped))
        {
            outcome = SweepOutcome.Stopped;
        }
        else if (report.Modules.LastOrDefault() is { Load.Succeeded: false } unloaded)
        {
            (outcome, failed) = (SweepOutcome.LoadFailed, unloaded.Load);
        }
        else if (report.Modules.FirstOrDefault(run => run.Module.IsAsked && run.Unload is { Succeeded: false }) is { } left)
        {
            (outcome, failed) = (SweepOutcome.UnloadFailed, left.Unload);
        }
        return new SweepResult
        {
            Module = name,
            Outcome = outcome,
            Errno = failed?.Errno.Name(),
            Reason = report.Failure,
            Findings = report.Findings,
            Log = [.. report.Log.Select(record => record.Message.Text)],
            Taint = report.Taint,
        };
    }
}
