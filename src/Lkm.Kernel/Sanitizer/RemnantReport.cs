namespace Lkm.Kernel.Sanitizer;

/// <summary>A function or variable of a module that is gone, and what still points to it.</summary>
/// <param name="Symbol">Its name, with the module's behind it.</param>
/// <param name="Pointers">The words that do.</param>
internal sealed record RemnantGroup(string Symbol, IReadOnlyList<Remnant> Pointers);

/// <summary>Writes what a module has left behind in the layout of kmemleak's reports; the words are lkm's own.</summary>
internal static class RemnantReport
{
    private const int MostShown = 4;

    /// <summary>Puts together what points to the same function or variable.</summary>
    /// <param name="remnants">The words.</param>
    /// <param name="symbolise">An address as "%pS" prints it.</param>
    public static IEnumerable<RemnantGroup> Group(IEnumerable<Remnant> remnants, Func<ulong, string> symbolise) =>
        remnants.GroupBy(remnant => NameOnly(symbolise(remnant.Target))).Select(group => new RemnantGroup(group.Key, [.. group]));

    /// <summary>The lines for one function or variable.</summary>
    public static IEnumerable<string> Format(RemnantGroup group, Func<ulong, string> symbolise)
    {
        yield return $"lkm: {group.Symbol} is gone, but not forgotten: it was registered, armed or started, and that was not undone. What still points to it:";
        foreach (var (place, _, holder, allocated) in group.Pointers.Take(MostShown))
        {
            yield return $"  [<{place:x16}>] {holder}{(allocated is null ? "" : $", allocated by \"{allocated.Comm}\", pid {allocated.Pid}:")}";
            foreach (var frame in allocated?.Frames ?? [])
                yield return $"    [<{frame:x16}>] {symbolise(frame)}";
        }
    }

    /// <summary>One line for people.</summary>
    public static string Summarise(RemnantGroup group, Func<ulong, string> symbolise)
    {
        var first = group.Pointers[0];
        var by = first.Allocated is { Frames: [var allocator, ..] frames }
            ? $"{first.Holder}, allocated at {symbolise(allocator)}{frames.Skip(1).Select(symbolise).Where(IsOfModule).Select(frame => $" for {frame}").FirstOrDefault()},"
            : first.Holder;
        return $"{group.Symbol} was not taken back before unloading: {by} still points to it";
    }

    private static bool IsOfModule(string symbol) => symbol.EndsWith(']');

    /// <summary>Without the offset and the size: "name [module]".</summary>
    private static string NameOnly(string symbol)
    {
        var offset = symbol.IndexOf("+0x", StringComparison.Ordinal);
        var module = symbol.IndexOf(" [", StringComparison.Ordinal);
        return offset < 0 || module < offset ? symbol : symbol[..offset] + symbol[module..];
    }
}
