namespace Lkm.RealLinux;

/// <summary>A record of the guest's kernel log.</summary>
/// <param name="Level">0 (emergency) to 7 (debug), as in include/linux/kern_levels.h.</param>
/// <param name="Seconds">Since the guest's boot.</param>
/// <param name="Text">One line.</param>
public readonly record struct GuestLogLine(int Level, double Seconds, string Text);

/// <summary>What one command did in the guest.</summary>
/// <param name="Command">The line, as given.</param>
/// <param name="Status">Its exit status; null when the guest died or the time ran out in it.</param>
/// <param name="Output">Standard output and standard error.</param>
/// <param name="Log">What the kernel logged meanwhile.</param>
/// <param name="Taint">/proc/sys/kernel/tainted afterwards.</param>
public sealed record GuestResult(string Command, int? Status, string Output, IReadOnlyList<GuestLogLine> Log, ulong Taint)
{
    // What the machine says by itself, whenever it comes to it.
    private static readonly string[] s_machineMessages = ["random: crng init done", "clocksource: ", "hrtimer: interrupt took", "sched: RT throttling"];

    /// <summary>What of the log has to do with the command.</summary>
    public IEnumerable<GuestLogLine> OwnLog =>
        Log.Where(line => !s_machineMessages.Any(start => line.Text.StartsWith(start, StringComparison.Ordinal)));
}
