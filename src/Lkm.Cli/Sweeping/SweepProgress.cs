using System.Diagnostics;
using System.Globalization;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Sweeping;

/// <summary>Tells on standard error how a sweep gets on: what needs attention at once, and every few seconds how far it is.</summary>
/// <param name="total">How many modules there are.</param>
/// <param name="done">How many are done already.</param>
/// <param name="what">What each line begins with, where several things get on at once.</param>
internal sealed class SweepProgress(int total, int done, string what = "")
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(5);

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly int _before = done;
    private int _done = done;
    private long _told = Stopwatch.GetTimestamp();

    /// <summary>Notes a result.</summary>
    public void Tell(SweepResult result)
    {
        _done++;
        if (result.NeedsAttention)
            Screen.Progress($"{what}{result}");
        if (Stopwatch.GetElapsedTime(_told) < s_pause && _done < total)
            return;
        _told = Stopwatch.GetTimestamp();
        TimeSpan left = Stopwatch.GetElapsedTime(_started) * (total - _done) / Math.Max(1, _done - _before);
        Screen.Progress(string.Create(CultureInfo.InvariantCulture, $"{what}{_done} of {total} modules, {left.TotalMinutes:f1} minutes to go"));
    }
}
