namespace Lkm.Machine.Translation;

/// <summary>
/// Where the interpreter spends its time, by samples taken every so many instructions: a matter of virtual time, so the same in every run.
/// </summary>
internal sealed class Profile(TranslationOptions options)
{
    /// <summary>Instructions between two samples, on average.</summary>
    internal const int Period = 1 << 14;

    private const int BytesAnInstruction = 4;

    private readonly Dictionary<ulong, int> _functions = [];
    private readonly Dictionary<ulong, int> _places = [];
    private ulong _random = 1;

    /// <summary>Instructions to the next sample: not always the same, as loops have periods too.</summary>
    internal long Next()
    {
        _random = _random * 6364136223846793005 + 1442695040888963407;
        return Period / 2 + (long)(_random >> 40) % Period;
    }

    /// <summary>Takes a sample. True if something is worth translating: the function, or if it is, the place within.</summary>
    internal bool Add(ulong rip, ulong start, int size, bool translated, out ulong entry)
    {
        entry = translated ? rip : start;
        var counts = translated ? _places : _functions;
        var count = counts.GetValueOrDefault(entry) + 1;
        counts[entry] = count;
        var instructions = Math.Clamp(size / BytesAnInstruction, 8, options.LargestUnit);
        return (long)count * Period >= (long)instructions * options.WorthExecutions;
    }

    internal void Clear()
    {
        _functions.Clear();
        _places.Clear();
    }
}
