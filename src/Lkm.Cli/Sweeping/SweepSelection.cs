using System.Security.Cryptography;
using System.Text;
using Lkm.Modules;

namespace Lkm.Cli.Sweeping;

/// <summary>One of several equal parts of a sweep.</summary>
/// <param name="Index">From 1.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct SweepShard(int Index, int Count)
{
    /// <summary>The whole.</summary>
    public static SweepShard All => new(1, 1);

    /// <summary>Reads <c>I/N</c>.</summary>
    public static bool TryParse(string text, out SweepShard shard)
    {
        shard = All;
        string[] parts = text.Split('/');
        if (parts.Length != 2 || !int.TryParse(parts[0], out int index) || !int.TryParse(parts[1], out int count))
            return false;
        shard = new SweepShard(index, count);
        return index >= 1 && index <= count;
    }
}

/// <summary>Which modules a sweep runs.</summary>
internal static class SweepSelection
{
    /// <summary>
    /// The modules of a tree in order of their names, those that a pattern names, and of these the shard's: every N-th, so that neighbours, which
    /// tend to be alike in cost, are spread. The same on every machine.
    /// </summary>
    /// <param name="directory">The tree; its modules.dep says what there is.</param>
    /// <param name="patterns">Wildcards, of which one has to match; none for all modules.</param>
    /// <param name="shard">The part wanted.</param>
    public static IReadOnlyList<string> Of(ModuleDirectory directory, IReadOnlyList<string> patterns, SweepShard shard)
    {
        if (directory.Index(ModuleIndexKind.Dependencies) is not { } index)
            return [];
        List<string> names = [.. index.ReadAll().Select(entry => entry.Key)
            .Where(name => patterns.Count == 0 || patterns.Any(pattern => Wildcard.IsMatch(ModuleName.Normalize(pattern), name)))];
        names.Sort(StringComparer.Ordinal);
        return [.. names.Where((_, i) => i % shard.Count == shard.Index - 1)];
    }

    /// <summary>
    /// As many modules as wanted, chosen as if by chance but by nothing other than their names and the seed: the same on every machine, and a module
    /// more or less in a tree changes the choice by no more than one.
    /// </summary>
    public static IReadOnlyList<string> Sample(IReadOnlyList<string> modules, int count, int seed) =>
        [.. modules.OrderBy(name => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed} {name}"))), StringComparer.Ordinal).Take(count)
            .Order(StringComparer.Ordinal)];
}
