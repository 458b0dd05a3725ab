using Lkm.Formats;

namespace Lkm.RealLinux;

/// <summary>A line of the kernel's log, without its time.</summary>
/// <param name="Level">0 to 7.</param>
/// <param name="Text">The line.</param>
public readonly record struct ExpectedLine(int Level, string Text);

/// <summary>What real Linux did with one module: <c>modprobe MODULE PARAMETERS</c>, then <c>modprobe -r MODULE</c>.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Parameters">As on modprobe's command line; empty for none.</param>
/// <param name="Load">OK, or what init_module failed with.</param>
/// <param name="LoadLog">What was logged while it and its dependencies were loaded.</param>
/// <param name="Unload">OK, or what delete_module failed with; null when it was not loaded.</param>
/// <param name="UnloadLog">What was logged while it, and then everything that nobody used any more, was unloaded.</param>
public sealed record ModuleOutcome(
    string Module,
    string Parameters,
    Errno Load,
    IReadOnlyList<ExpectedLine> LoadLog,
    Errno? Unload,
    IReadOnlyList<ExpectedLine> UnloadLog)
{
    /// <summary>Whether both outcomes are the same in every line.</summary>
    public bool SameAs(ModuleOutcome other) =>
        (Module, Parameters, Load, Unload) == (other.Module, other.Parameters, other.Load, other.Unload)
        && LoadLog.SequenceEqual(other.LoadLog) && UnloadLog.SequenceEqual(other.UnloadLog);
}
