using Lkm.Cli.CommandLine;
using Lkm.Distribution;

namespace Lkm.Cli.Running;

/// <summary>Does the same again and again, in a fresh kernel each time, with one allocation or another failing.</summary>
/// <param name="kernel">Which kernel.</param>
/// <param name="memory">Bytes of its memory; null for the usual size.</param>
/// <param name="plan">What is loaded.</param>
/// <param name="commands">Lines of the kernel's shell.</param>
internal sealed class TrialRunner(KernelSource kernel, ulong? memory, IReadOnlyList<PlannedModule> plan, IReadOnlyList<string> commands)
{
    /// <summary>Loads, runs the commands and unloads.</summary>
    /// <param name="failing">The number of the allocation that fails; 0 for none.</param>
    /// <returns>What became of it, or why there is no kernel.</returns>
    public Outcome<RunReport> Run(int failing)
    {
        Outcome<IKernelSession> started = KernelSessions.Start(kernel, memory, Screen.Progress);
        if (!started.Succeeded)
            return Outcome<RunReport>.Failure(started.Error);
        using IKernelSession session = started.Value;
        var report = new RunReport { Kernel = kernel.Version };
        new ModuleRunner(session, report) { FailingAllocation = failing }.Run(plan, commands, keep: false);
        return report;
    }
}
