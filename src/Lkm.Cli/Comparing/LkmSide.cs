using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Comparing;

/// <summary>A run in lkm's kernel.</summary>
internal static class LkmSide
{
    /// <summary>Loads, runs the commands, unloads; each of these may take so much of the kernel's time.</summary>
    public static Outcome<SideRun> Run(KernelSource kernel, IReadOnlyList<PlannedModule> plan, IReadOnlyList<string> commands, TimeSpan limit, Action<string, string?> progress)
    {
        Outcome<RunReport> report = ModuleRunner.RunFresh(kernel, plan, commands, progress, stepLimit: limit);
        return report.Succeeded ? Of(report.Value) : Outcome<SideRun>.Failure(report.Error);
    }

    /// <summary>What a report says.</summary>
    internal static SideRun Of(RunReport report)
    {
        var steps = new List<SideStep>();
        bool loaded = report.Modules.Count > 0 && report.Modules[^1].Load.Succeeded;
        // What is less than any errno, the C library does not take for an error, nor insmod for a failure: only rmmod finds that the module is not there.
        bool seemsLoaded = !loaded && report.Modules.LastOrDefault()?.Load.ReturnCode is < -ErrnoText.MaxErrno;
        if (seemsLoaded)
            return new SideRun([new SideStep(SideStep.Ok, [], LogOf(report, 0)), new SideStep(NameOf(Errno.ENOENT), [], [])], report.Taint);
        steps.Add(new SideStep(loaded ? SideStep.Ok : NameOf(report.Modules.LastOrDefault()?.Load.Errno ?? Errno.ENOENT), [], LogOf(report, 0)));
        foreach (CommandResult command in report.Commands)
            steps.Add(new SideStep(CommandOutcome(command.Status), ShellMessages.OfLkm(command.Output), LogOf(report, steps.Count)));
        if (loaded)
            steps.Add(new SideStep(Unloading(report), [], LogOf(report, steps.Count)));
        return new SideRun(steps, report.Taint);
    }

    /// <summary>How the exit status of a command is shown.</summary>
    public static string CommandOutcome(int status) => status == 0 ? SideStep.Ok : $"status {status}";

    /// <summary>The lines of a text; none of an empty one.</summary>
    public static IReadOnlyList<string> LinesOf(string text) => text.Length == 0 ? [] : text.TrimEnd('\n').Split('\n');

    /// <summary>The first module asked for that could not be unloaded decides.</summary>
    private static string Unloading(RunReport report)
    {
        if (report.Findings.FirstOrDefault(finding => finding.Kind == Finding.Stopped) is { } stopped)
            return $"stopped: {stopped.Summary}";
        // kmod finds a module in use before it asks the kernel, and says EBUSY where the kernel would say EAGAIN (EWOULDBLOCK). One that a command has unloaded
        // is an error of rmmod's, and none of modprobe's.
        Errno errno = report.Modules.Where(run => run.Module.IsAsked).Select(run => run.Unload?.Errno ?? (run.Module.IsProbed ? Errno.OK : Errno.ENOENT))
            .FirstOrDefault(errno => errno != Errno.OK);
        return NameOf(errno == Errno.EAGAIN ? Errno.EBUSY : errno);
    }

    private static string NameOf(Errno errno) => errno == Errno.OK ? SideStep.Ok : errno.Name();

    private static List<LogLine> LogOf(RunReport report, int step)
    {
        var lines = new List<LogLine>();
        foreach (PhasedMessage entry in report.Log)
        {
            if (entry.Step != step)
                continue;
            foreach (string line in entry.Message.Text.Split('\n'))
                lines.Add(new LogLine(entry.Message.Level, line));
        }
        return lines;
    }
}
