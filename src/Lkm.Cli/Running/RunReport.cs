using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Running;

/// <summary>What became of one module.</summary>
/// <param name="Module">The module.</param>
/// <param name="Load">How loading went.</param>
internal sealed record ModuleRun(PlannedModule Module, StepResult Load)
{
    /// <summary>How unloading went; null when it was not tried, or a command had done it.</summary>
    public StepResult? Unload { get; set; }
}

/// <summary>A message, and what lkm was doing when it came.</summary>
/// <param name="Message">The message.</param>
/// <param name="Phase"><c>load NAME</c>, <c>do LINE</c>, <c>unload NAME</c>.</param>
/// <param name="Step">0 while loading, then the number of the command, and one more for unloading.</param>
internal sealed record PhasedMessage(LogMessage Message, string Phase, int Step);

/// <summary>Everything that a run did.</summary>
internal sealed class RunReport
{
    /// <summary>The kernel's release.</summary>
    public required string Kernel { get; init; }

    /// <summary>The modules in the order of loading.</summary>
    public List<ModuleRun> Modules { get; } = [];

    /// <summary>The log, without the boot.</summary>
    public List<PhasedMessage> Log { get; } = [];

    /// <summary>The steps of loading and unloading; null when nobody asked for them.</summary>
    public List<LoadStep>? Trace { get; init; }

    /// <summary>The allocations that were made from the loading of the module on; null when nobody asked for them.</summary>
    public AllocationFaults? Allocations { get; set; }

    /// <summary>The commands that were run.</summary>
    public List<CommandResult> Commands { get; } = [];

    /// <summary>The rules that were broken.</summary>
    public IReadOnlyList<Finding> Findings { get; set; } = [];

    /// <summary>/proc/sys/kernel/tainted at the end.</summary>
    public ulong Taint { get; set; }

    /// <summary>What failed first, on one line; null when nothing did.</summary>
    public string? Failure { get; set; }
}
