using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>dmesg. The log is C#'s own (<see cref="KernelLog"/>), so it is read from there.</summary>
internal static class LogCommand
{
    private static readonly string[] Levels = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(
            c.Arguments, "cCl:txkrTs:n:", ("read-clear", 'c'), ("clear", 'C'), ("level", 'l'), ("notime", 't'), ("decode", 'x'), ("kernel", 'k'), ("raw", 'r'),
            ("ctime", 'T'), ("console-level", 'n'));
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        if (options.Value('n') is { } console)
            return await SetConsoleLevel(c, console);
        var levels = -1;
        if (options.Value('l') is { } list && !TryLevels(list, out levels))
            return await c.Fail($"unknown level '{list}'");
        var log = c.Shell.Log;
        LogRecord[] records = options.Has('C') ? [] : [.. log.Since(log.Cleared)];
        if (options.Has('c') || options.Has('C'))
            log.Clear();
        var start = options.Has('T') ? await Start(c) : default;
        foreach (var record in records)
        {
            if ((levels & (1 << record.Level)) == 0)
                continue;
            if (options.Has('x'))
                c.Print($"kern  :{Levels[record.Level],-6}: ");
            else if (options.Has('r'))
                c.Print($"<{record.Level}>");
            c.Print((options.Has('t') ? record.Text : options.Has('T') ? $"[{Date(start, record)}] {record.Text}" : record.Format()) + "\n");
            await c.FlushIfLong();
        }

        return 0;
    }

    /// <summary>dmesg -n: what is less severe does not reach the console. syslog(2) takes 1 to 8.</summary>
    private static async GuestTask<int> SetConsoleLevel(CommandContext c, string text)
    {
        const ulong setConsoleLevel = 8;
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var level))
            return await c.Fail($"invalid number '{text}'");
        var error = ShellFiles.ErrorOf(await c.Files.Call("syslog", setConsoleLevel, 0, level));
        return error == Errno.OK ? 0 : await c.Fail("klogctl", error);
    }

    /// <summary>When the machine was started.</summary>
    private static async GuestTask<DateTime> Start(CommandContext c) =>
        DateTime.UnixEpoch.AddTicks((await Clock(c, 0) - await Clock(c, 7)) / TimeSpan.NanosecondsPerTick); // CLOCK_REALTIME, CLOCK_BOOTTIME

    private static async GuestTask<long> Clock(CommandContext c, ulong clock)
    {
        var time = await c.Files.Take(2 * sizeof(long));
        await c.Files.Call("clock_gettime", clock, time);
        var bytes = await c.Files.Get(time, 2 * sizeof(long));
        return (BitConverter.ToInt64(bytes) * 1_000_000_000) + BitConverter.ToInt64(bytes, sizeof(long));
    }

    private static string Date(DateTime start, LogRecord record)
    {
        var date = start.AddTicks(record.Nanoseconds / TimeSpan.NanosecondsPerTick);
        return string.Create(CultureInfo.InvariantCulture, $"{date:ddd MMM} {date.Day,2} {date:HH:mm:ss} {date.Year}");
    }

    /// <summary>Reads a list of levels by name or number; "warn+" is that and what is more severe.</summary>
    private static bool TryLevels(string list, out int levels)
    {
        levels = 0;
        foreach (var part in list.Split(','))
        {
            var name = part.TrimEnd('+');
            var level = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : Array.IndexOf(Levels, name);
            if (level is < 0 or > 7)
                return false;
            levels |= part.EndsWith('+') ? (2 << level) - 1 : 1 << level;
        }

        return true;
    }
}
