namespace Lkm.Cli.Checking;

/// <summary>A reason for which a kernel refuses a module.</summary>
/// <param name="Kind">A word for programs: "file", "architecture", "vermagic", "layout", "license", "version", "missing", "gpl-only", "namespace", "section".</param>
/// <param name="Symbol">The symbol that it is about; null for the module as a whole.</param>
/// <param name="Text">One sentence for people.</param>
internal sealed record Refusal(string Kind, string? Symbol, string Text);

/// <summary>What a kernel would say to a module.</summary>
/// <param name="Kernel">The kernel's release.</param>
/// <param name="Refusals">All reasons to refuse it; none when it loads.</param>
/// <param name="Needs">The modules that have to be loaded before it.</param>
internal sealed record CheckResult(string Kernel, IReadOnlyList<Refusal> Refusals, IReadOnlyList<string> Needs)
{
    /// <summary>Whether the module loads.</summary>
    public bool Loads => Refusals.Count == 0;
}
