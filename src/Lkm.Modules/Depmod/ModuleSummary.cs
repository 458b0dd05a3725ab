using Lkm.Formats;

namespace Lkm.Modules;

/// <summary>A symbol that a module exports.</summary>
/// <param name="Name">The symbol.</param>
/// <param name="Crc">Its version (CONFIG_MODVERSIONS), or 0.</param>
public sealed record SummaryExport(string Name, ulong Crc);

/// <summary>What depmod takes from one module's file.</summary>
public sealed class ModuleSummary
{
    /// <summary>Values of <c>alias</c>, in file order.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Values of <c>softdep</c>, in file order.</summary>
    public IReadOnlyList<string> SoftDependencies { get; init; } = [];

    /// <summary>Values of <c>weakdep</c>, in file order.</summary>
    public IReadOnlyList<string> WeakDependencies { get; init; } = [];

    /// <summary>Exported symbols.</summary>
    public IReadOnlyList<SummaryExport> Exports { get; init; } = [];

    /// <summary>Names of imported symbols, each with a NUL behind it: symbol table order, then what only <c>__versions</c> names.</summary>
    public byte[] ImportNames { get; init; } = [];

    /// <summary>For each imported symbol its expected version; 0 is none. Empty unless asked for.</summary>
    public IReadOnlyList<SummaryImport> Imports { get; init; } = [];

    /// <summary>Why the file could not be read; null if it could. The error number is the one that kmod gives.</summary>
    public FormatError? Problem { get; init; }

    /// <summary>Reads one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="withImports">Whether <see cref="Imports"/> are wanted.</param>
    public static ModuleSummary Read(string path, bool withImports = false) => new SummaryReader(withImports, SummaryReader.DefaultLimit).Read(path);
}

/// <summary>What a module says about a symbol that it imports.</summary>
/// <param name="Crc">The version that it expects, or 0.</param>
/// <param name="IsWeak">Whether the module works without it.</param>
public sealed record SummaryImport(ulong Crc, bool IsWeak);
