namespace Lkm.Modules;

/// <summary>Where kmod's own behaviour and what its users ask for differ (docs/kmod-differences.md), which of the two is followed.</summary>
public sealed record ResolutionRules
{
    /// <summary>Exactly as kmod does.</summary>
    public static ResolutionRules Kmod { get; } = new();

    /// <summary>As lkm does by default.</summary>
    public static ResolutionRules Lkm { get; } = new() { EverySoftDependencyLineCounts = true, InstallCommandsBeatSoftDependencies = true, ObeyMasks = true };

    /// <summary>All <c>softdep</c> lines that fit a module add up; kmod takes the first only.</summary>
    public bool EverySoftDependencyLineCounts { get; init; }

    /// <summary>An <c>install</c> command is run although the module has soft dependencies; kmod then ignores the command.</summary>
    public bool InstallCommandsBeatSoftDependencies { get; init; }

    /// <summary>Modules that a <c>mask</c> command names are never inserted; kmod knows no such command.</summary>
    public bool ObeyMasks { get; init; }
}
