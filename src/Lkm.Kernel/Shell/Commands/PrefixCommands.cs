using System.Globalization;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands that run the command behind their name: sudo, as root, which everybody is here, and time; and egrep, fgrep, more and less, which are others.</summary>
internal static class PrefixCommands
{
    private const long TicksPerSecond = 100; // USER_HZ

    /// <summary>sudo [-E|-n|-S] COMMAND...: the user is root already, where su has not made it another.</summary>
    public static async GuestTask<int> AsRoot(CommandContext c)
    {
        var words = c.Arguments.SkipWhile(word => word is "-E" or "-n" or "-S" or "--").ToList();
        if (words.Count == 0 || words[0].StartsWith('-'))
            return await c.Misused();
        return await c.Files.Call("geteuid") == 0
            ? await c.Shell.Run(c.Files.Process, words, c.Streams)
            : await c.Fail("a password is required");
    }

    /// <summary>time COMMAND...: the kernel's own clock, and the processor's time of the process.</summary>
    public static async GuestTask<int> Measure(CommandContext c)
    {
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var (start, user, system) = await Times(c);
        var status = await c.Shell.Run(c.Files.Process, c.Arguments, c.Streams);
        var end = await Times(c);
        await c.PrintError($"real\t{Format(end.Real - start)}\nuser\t{Format(end.User - user)}\nsys\t{Format(end.System - system)}\n");
        return status;
    }

    /// <summary>grep -E.</summary>
    public static GuestTask<int> ExtendedGrep(CommandContext c) => With(c, "-E", GrepCommand.Run);

    /// <summary>grep -F.</summary>
    public static GuestTask<int> FixedGrep(CommandContext c) => With(c, "-F", GrepCommand.Run);

    private static GuestTask<int> With(CommandContext c, string option, Func<CommandContext, GuestTask<int>> command)
    {
        c.Arguments.Insert(0, option);
        return command(c);
    }

    /// <summary>times(2), in ticks: since some moment, and in user and kernel mode, children included.</summary>
    private static async GuestTask<(long Real, long User, long System)> Times(CommandContext c)
    {
        var address = await c.Files.Take(4 * sizeof(long));
        var real = await c.Files.Call("times", address);
        var fields = await c.Files.Get(address, 4 * sizeof(long));
        return (real, Field(0) + Field(2), Field(1) + Field(3));

        long Field(int index) => BitConverter.ToInt64(fields, index * sizeof(long));
    }

    private static string Format(long ticks) => string.Create(
        CultureInfo.InvariantCulture, $"{ticks / (60 * TicksPerSecond)}m {(decimal)(ticks % (60 * TicksPerSecond)) / TicksPerSecond:F2}s");
}
