namespace Lkm.Machine.Translation;

/// <summary>
/// Where the interpreter spends its time, by samples taken every so many instructions: a matter of virtual time, so the same in every run.
/// </summary>
internal sealed class Profile(TranslationOptions options)
{
    /// <summary>Instructions between two samples, on average.</summary>
    internal const int Period = 1 << 14;

    private const int BytesAnInstruction = 4;

    private readonly Dictionary<ulong, long> _functions = [];
    private readonly Dictionary<ulong, long> _places = [];
    private ulong _random = 1;

    /// <summary>The longer time between two samples while they find nothing new.</summary>
    internal const int CalmPeriod = 8 * Period;

    private const int CalmAfter = 64; // samples

    private int _quiet;

    /// <summary>Instructions to the next sample: not always the same, as loops have periods too.</summary>
    internal long Next()
    {
        _random = _random * 6364136223846793005 + 1442695040888963407;
        return Usual / 2 + (long)(_random >> 40) % Usual;
    }

    private int Usual => _quiet < CalmAfter ? Period : CalmPeriod;

    /// <summary>Takes a sample. True if something is worth translating: the function, or if it is, the place within.</summary>
    internal bool Add(ulong rip, ulong start, int size, bool translated, out ulong entry)
    {
        entry = translated ? rip : start;
        var counts = translated ? _places : _functions;
        var executed = counts.GetValueOrDefault(entry) + Usual;
        counts[entry] = executed;
        _quiet++;
        var instructions = Math.Clamp(size / BytesAnInstruction, 8, options.LargestUnit);
        return executed >= (long)instructions * options.WorthExecutions;
    }

    /// <summary>Something new was found, and there may be more.</summary>
    internal void Stir() => _quiet = 0;

    /// <summary>A place of a function became the entry of a unit: what was found at others until now says little.</summary>
    internal void ForgetPlaces(ulong start, ulong end)
    {
        foreach (var place in _places.Keys)
        {
            if (place >= start && place < end)
                _places.Remove(place); // which a dictionary allows while it is enumerated
        }
    }

    internal void Clear()
    {
        _functions.Clear();
        _places.Clear();
    }
}
