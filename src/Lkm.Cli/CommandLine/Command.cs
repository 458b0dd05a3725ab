namespace Lkm.Cli.CommandLine;

/// <summary>A command of the program: what it takes and what it does.</summary>
/// <remarks>
/// Plain data read by <see cref="ArgumentParser"/> and <see cref="HelpText"/>. A general command-line library costs 15 ms at start-up,
/// a third of what an empty program takes; this costs nothing that can be measured.
/// </remarks>
internal sealed record Command
{
    /// <summary>The word after <c>lkm</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Its operands, as help shows them.</summary>
    public string Operands { get; init; } = "";

    /// <summary>One line for the list of commands.</summary>
    public required string Summary { get; init; }

    /// <summary>More, for its own help.</summary>
    public string Details { get; init; } = "";

    /// <summary>Lines of shell.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];

    /// <summary>Its options.</summary>
    public IReadOnlyList<CommandOption> Options { get; init; } = [];

    /// <summary>How many operands it needs at least.</summary>
    public int LeastOperands { get; init; }

    /// <summary>How many it takes at most.</summary>
    public int MostOperands { get; init; } = int.MaxValue;

    /// <summary>Does it; gives the exit code.</summary>
    public Func<Arguments, int> Run { get; init; } = _ => ExitCode.Misused;

    /// <summary>Does it with the words behind its name as they are: of a tool, which has its own way with options, and its own help.</summary>
    public Func<string[], int>? RunWords { get; init; }
}
