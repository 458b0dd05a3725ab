using System.Globalization;
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
            c.Arguments, "cCl:tx", ("read-clear", 'c'), ("clear", 'C'), ("level", 'l'), ("notime", 't'), ("decode", 'x'));
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        var levels = -1;
        if (options.Value('l') is { } list && !TryLevels(list, out levels))
            return await c.Fail($"unknown level '{list}'");
        var log = c.Shell.Log;
        LogRecord[] records = options.Has('C') ? [] : [.. log.Since(log.Cleared)];
        if (options.Has('c') || options.Has('C'))
            log.Clear();
        foreach (var record in records)
        {
            if ((levels & (1 << record.Level)) == 0)
                continue;
            if (options.Has('x'))
                c.Print($"kern  :{Levels[record.Level],-6}: ");
            c.Print((options.Has('t') ? record.Text : record.Format()) + "\n");
            await c.FlushIfLong();
        }

        return 0;
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
