namespace Lkm.Cli.Sweeping;

/// <summary>What became of a module in a sweep. The first three are answers, which real Linux gives too; the others are failures of a run.</summary>
internal enum SweepOutcome
{
    /// <summary>Loaded and unloaded.</summary>
    Ok,

    /// <summary>Not loaded, with an errno.</summary>
    LoadFailed,

    /// <summary>Loaded, not unloaded, with an errno.</summary>
    UnloadFailed,

    /// <summary>The kernel could not go on: something is not supported, or never ends.</summary>
    Stopped,

    /// <summary>It took more wall time than it may.</summary>
    TimedOut,

    /// <summary>It took more memory than it may.</summary>
    OutOfMemory,

    /// <summary>The process that ran it ended: a bug of lkm's.</summary>
    Crashed,
}

/// <summary>The spelling of outcomes in files.</summary>
internal static class SweepOutcomes
{
    private static readonly string[] s_names = ["ok", "load-failed", "unload-failed", "stopped", "timed-out", "out-of-memory", "crashed"];

    /// <summary>All, in their order.</summary>
    public static IEnumerable<SweepOutcome> All => Enumerable.Range(0, s_names.Length).Select(i => (SweepOutcome)i);

    /// <summary>As files and tables spell it.</summary>
    public static string Name(this SweepOutcome outcome) => s_names[(int)outcome];

    /// <summary>The outcome of a spelling.</summary>
    public static bool TryParse(string? name, out SweepOutcome outcome)
    {
        int index = Array.IndexOf(s_names, name);
        outcome = (SweepOutcome)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>Whether the run itself failed, rather than the module being refused.</summary>
    public static bool IsFailure(this SweepOutcome outcome) => outcome >= SweepOutcome.Stopped;
}
