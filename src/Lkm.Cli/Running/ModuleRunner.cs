using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Running;

/// <summary>Loads the planned modules, runs the commands, unloads in reverse or, for modules of the kernel, as modprobe does, and notes what happened.</summary>
/// <param name="session">A fresh kernel.</param>
/// <param name="report">Where it is noted.</param>
internal sealed class ModuleRunner(IKernelSession session, RunReport report)
{
    /// <summary>
    /// Virtual time between a step and the next, in milliseconds. On a machine programs take a moment to start; what a module has begun (a thread, a
    /// timer, work that it queued) gets that far meanwhile, and what it does belongs to the step.
    /// </summary>
    private const int Moment = 350;

    private string _phase = "";
    private int _step;

    /// <summary>Told of each message and command as it comes, for the screen.</summary>
    public Action<LogMessage>? Logged { get; init; }

    /// <summary>Told of each step of loading and unloading, when the report wants them.</summary>
    public Action<LoadStep>? Traced { get; init; }

    /// <summary>Told of each command's output.</summary>
    public Action<CommandResult>? Executed { get; init; }

    /// <summary>The number of the module's allocation that fails; 0 if they are only counted, null if not even that.</summary>
    public int? FailingAllocation { get; init; }

    /// <summary>Does it all in a fresh kernel, which is gone then.</summary>
    /// <param name="kernel">Which kernel.</param>
    /// <param name="modules">What to load, in order.</param>
    /// <param name="commands">Lines of the kernel's shell.</param>
    /// <param name="progress">Told of long steps, as of a first boot.</param>
    /// <param name="memory">Bytes of its memory; null for the usual size.</param>
    /// <param name="failingAllocation">As <see cref="FailingAllocation"/>.</param>
    /// <param name="stepLimit">The kernel's time that each step may take; null for the usual.</param>
    /// <returns>What happened, or why there is no kernel.</returns>
    public static Outcome<RunReport> RunFresh(
        KernelSource kernel, IReadOnlyList<PlannedModule> modules, IReadOnlyList<string> commands, Action<string, string?> progress,
        ulong? memory = null, int? failingAllocation = null, TimeSpan? stepLimit = null)
    {
        Outcome<IKernelSession> started = KernelSessions.Start(kernel, memory, progress);
        if (!started.Succeeded)
            return Outcome<RunReport>.Failure(started.Error);
        using IKernelSession session = started.Value;
        if (stepLimit is { } limit)
            session.StepLimit = limit;
        var report = new RunReport { Kernel = kernel.Version };
        new ModuleRunner(session, report) { FailingAllocation = failingAllocation }.Run(modules, commands, keep: false);
        return report;
    }

    /// <summary>Runs it all.</summary>
    /// <param name="modules">What to load, in order.</param>
    /// <param name="commands">Lines of the kernel's shell.</param>
    /// <param name="keep">Whether to end without unloading.</param>
    public void Run(IReadOnlyList<PlannedModule> modules, IReadOnlyList<string> commands, bool keep)
    {
        session.Logged += Note;
        if (report.Trace is not null)
            session.Tracer = Note;
        bool loaded = LoadAll(modules);
        if (loaded)
        {
            session.LetPass(Moment);
            foreach (string line in commands)
            {
                Execute(line);
                session.LetPass(Moment);
            }
        }
        _step++;
        if (!keep)
            UnloadAll();
        if (!keep && session.CheckForLeaks())
            session.LetPass(Moment); // what was left behind breaks now, as it does on a machine
        session.Logged -= Note;
        session.Tracer = null;
        report.Findings = session.Findings;
        report.Taint = session.Taint;
        if (session.Findings.FirstOrDefault(finding => finding.Kind == Kernel.Sessions.Finding.Stopped) is { } stopped)
            report.Failure = $"the kernel stopped: {stopped.Summary}";
        else if (session.Findings is [var first, ..])
            report.Failure ??= session.Findings.Count == 1 ? first.Summary : $"{first.Summary} (and {session.Findings.Count - 1} more)";
    }

    private bool LoadAll(IReadOnlyList<PlannedModule> modules)
    {
        foreach (PlannedModule module in modules)
        {
            _phase = $"load {module.Name}";
            if (module.IsAsked && FailingAllocation is { } number)
                report.Allocations ??= session.FailAllocation(number);
            StepResult result = session.Load(module.Path, module.Parameters);
            if (result.Errno == Errno.EEXIST && module.IsProbed)
                result = result with { ReturnCode = 0, Explanation = null }; // an init function before it has loaded it on demand
            if (!result.Succeeded && !module.IsRequired)
                continue; // a soft dependency: modprobe goes on without it
            report.Modules.Add(new ModuleRun(module, result));
            if (!result.Succeeded)
            {
                report.Failure = Describe(module.Name, "load", result);
                return false;
            }
        }
        return true;
    }

    private void Execute(string line)
    {
        _phase = $"do {line}";
        _step++;
        CommandResult result = session.Execute(line);
        report.Commands.Add(result);
        Executed?.Invoke(result);
        if (result.Status != 0)
            report.Failure ??= $"--do '{line}' ended with status {result.Status}";
    }

    private void UnloadAll()
    {
        bool isProbed = true;
        var dependencies = new List<ModuleRun>();
        foreach (ModuleRun run in report.Modules)
        {
            if (run.Module.IsAsked)
                isProbed &= run.Module.IsProbed;
            else if (run.Load.Succeeded)
                dependencies.Add(run);
        }
        for (int i = report.Modules.Count - 1; i >= 0; i--)
        {
            ModuleRun run = report.Modules[i];
            if (run.Load.Succeeded && (run.Module.IsAsked || !isProbed))
                Unload(run);
        }
        if (isProbed)
            UnloadUnused(dependencies);
    }

    /// <summary>
    /// Unloads what modprobe -r does beside the module: what nobody uses any more, in the order of loading, and after each the same for what that
    /// one used.
    /// </summary>
    private void UnloadUnused(List<ModuleRun> dependencies)
    {
        for (int i = 0; i < dependencies.Count;)
        {
            Unload(dependencies[i]);
            bool isGone = dependencies[i].Unload is null or { Succeeded: true };
            if (isGone)
                dependencies.RemoveAt(i);
            i = isGone ? 0 : i + 1;
        }
    }

    private void Unload(ModuleRun run)
    {
        _phase = $"unload {run.Module.Name}";
        StepResult unload = session.Unload(run.Module.Name);
        if (unload.Errno == Errno.ENOENT && !session.IsHidden(run.Module.Name))
            return; // a command has unloaded it
        run.Unload = unload;
        // A dependency may have found other users meanwhile.
        if (!unload.Succeeded && run.Module.IsAsked)
            report.Failure ??= Describe(run.Module.Name, "unload", unload);
    }

    private static string Describe(string name, string what, StepResult result)
    {
        string reason = result.Explanation is { Length: > 0 } said ? said : result.Errno.Message();
        return $"{name}: cannot {what}: {result.Errno.Name()}: {reason}";
    }

    private void Note(LoadStep step)
    {
        report.Trace?.Add(step);
        Traced?.Invoke(step);
    }

    private void Note(LogMessage message)
    {
        report.Log.Add(new PhasedMessage(message, _phase, _step));
        Logged?.Invoke(message);
    }
}
