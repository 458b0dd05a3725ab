using System.Text.RegularExpressions;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>sed: each line of the input through a script (<see cref="SedScript"/>).</summary>
internal static class SedCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "nErse:");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var parts = options.TakeExpressions();
        if (parts.Count == 0)
            return await c.Misused();

        SedScript script;
        try
        {
            script = SedScript.Parse(string.Join('\n', parts), options.Has('E') || options.Has('r'));
        }
        catch (Exception e) when (e is FormatException or RegexParseException or NotSupportedException)
        {
            return await c.Fail(e.Message);
        }

        // A line is worked on when it is known whether another follows: $ is the last.
        string? line = null;
        var run = script.Start(text => c.Print(text + "\n"), isSilent: options.Has('n'));
        var status = await FilterCommands.ForEachLine(c, options.Operands, next =>
        {
            if (line is not null && !run.HasQuit)
                run.Take(line, isLast: false);
            line = next;
            return null;
        });
        if (line is not null && !run.HasQuit)
            run.Take(line, isLast: true);
        return status;
    }
}
