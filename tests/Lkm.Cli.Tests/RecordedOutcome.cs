using Lkm.Cli.Running;
using Lkm.RealLinux;

namespace Lkm.Cli.Tests;

/// <summary>A run in the form in which real Linux's outcomes are recorded, to be compared with them.</summary>
internal static class RecordedOutcome
{
    /// <summary>What a run of one module did.</summary>
    /// <param name="module">The entry of the table that was run.</param>
    /// <param name="report">What happened.</param>
    public static ModuleOutcome Of(ModuleOutcome module, RunReport report)
    {
        ModuleRun run = report.Modules[^1];
        return module with
        {
            Load = run.Load.Errno,
            LoadLog = LinesOf(report, "load "),
            Unload = run.Load.Succeeded ? run.Unload?.Errno : null,
            UnloadLog = LinesOf(report, "unload "),
        };
    }

    private static List<ExpectedLine> LinesOf(RunReport report, string phase)
    {
        var lines = new List<ExpectedLine>();
        foreach (PhasedMessage entry in report.Log)
        {
            if (!entry.Phase.StartsWith(phase, StringComparison.Ordinal))
                continue;
            foreach (string line in entry.Message.Text.Split('\n'))
                lines.Add(new ExpectedLine(entry.Message.Level, line));
        }
        return lines;
    }
}
