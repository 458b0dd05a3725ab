using System.Diagnostics;
using System.Globalization;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Sweeping;

/// <summary>Tells on standard error how a sweep gets on: what needs attention, and how far it is.</summary>
/// <param name="total">How many modules there are.</param>
/// <param name="done">How many are done already.</param>
/// <param name="what">What each line begins with, where several things get on at once.</param>
internal sealed class SweepProgress(int total, int done, string what = "")
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly int _before = done;
    private int _done = done;

    /// <summary>Notes a result.</summary>
    public void Tell(SweepResult result)
    {
        _done++;
        if (result.NeedsAttention)
            Screen.Notice($"{what}{result}");
        TimeSpan left = Stopwatch.GetElapsedTime(_started) * (total - _done) / Math.Max(1, _done - _before);
        string? howFar = _done == total ? null : string.Create(CultureInfo.InvariantCulture, $"{_done} done, {left.TotalMinutes:f1} minutes to go");
        Screen.Progress($"{what}{Wording.Count(total, "module")}", howFar);
    }
}
