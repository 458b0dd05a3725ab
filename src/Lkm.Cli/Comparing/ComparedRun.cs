namespace Lkm.Cli.Comparing;

/// <summary>A line of the kernel's log.</summary>
/// <param name="Level">0 (emergency) to 7 (debug).</param>
/// <param name="Text">Without its time.</param>
internal readonly record struct LogLine(int Level, string Text);

/// <summary>What one side did in one step.</summary>
/// <param name="Outcome">ok, an errno's name, or how a command ended.</param>
/// <param name="Output">What a command printed, line by line; nothing for loading and unloading.</param>
/// <param name="Log">What the kernel logged meanwhile.</param>
internal sealed record SideStep(string Outcome, IReadOnlyList<string> Output, IReadOnlyList<LogLine> Log)
{
    /// <summary>What a step that worked is called.</summary>
    public const string Ok = "ok";
}

/// <summary>What one side did: loading, each command, unloading. A side that ended early has fewer steps.</summary>
/// <param name="Steps">In order.</param>
/// <param name="Taint">/proc/sys/kernel/tainted at the end.</param>
internal sealed record SideRun(IReadOnlyList<SideStep> Steps, ulong Taint);
