using System.Diagnostics;
using Lkm.Cli.Running;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;
using Lkm.RealLinux;

namespace Lkm.Cli.Comparing;

/// <summary>Many of a kernel's modules in real Linux: <c>modprobe</c> and <c>modprobe -r</c>, as results of a sweep.</summary>
/// <remarks>
/// QEMU's translator has nothing translated when a machine starts, so that the second module in one takes a quarter of the first's time. A machine
/// that a module has left as it was is used again; whoever finds a difference asks a fresh one before it counts.
/// </remarks>
/// <param name="side">Runs one.</param>
internal sealed class RealSweep(RealSide side) : IDisposable
{
    private const int ModulesPerMachine = 32;

    private GuestMachine? _machine;
    private int _served;

    /// <summary>Runs a module in a machine that others may have been in.</summary>
    public SweepResult Run(string module)
    {
        if (_machine is not null && (_served >= ModulesPerMachine || !side.IsAsNew(_machine)))
            Dispose();
        return RunIn(module);
    }

    /// <summary>Runs a module in a fresh machine.</summary>
    public SweepResult RunAfresh(string module)
    {
        Dispose();
        return RunIn(module);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _machine?.Dispose();
        _machine = null;
        _served = 0;
    }

    private SweepResult RunIn(string module)
    {
        long started = Stopwatch.GetTimestamp();
        Outcome<GuestMachine> machine = _machine ?? side.Start();
        Outcome<SideRun> run = machine.Succeeded
            ? side.Run(_machine = machine.Value, [new PlannedModule(module, "", "", IsAsked: true, IsRequired: true) { IsProbed = true }], [])
            : Outcome<SideRun>.Failure(machine.Error);
        _served++;
        SweepResult result = run.Succeeded
            ? Summarise(module, run.Value)
            : new SweepResult { Module = module, Outcome = SweepOutcome.Crashed, Reason = run.Error };
        if (result.Outcome == SweepOutcome.LoadFailed)
            result = result with { Log = [.. result.Log, .. side.TakeOutRest(machine.Value!).Select(line => line.Text)] };
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
