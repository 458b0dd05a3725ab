using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Awk;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>awk: a program for each line of the input.</summary>
internal static class AwkCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "F:v:");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        try
        {
            var awk = new AwkInterpreter(AwkParser.Parse(options.Operands[0]), c.Print);
            if (options.Value('F') is { } separator)
                awk.Set("FS", Unescaped(separator));
            foreach (var assignment in options.Values('v'))
            {
                if (assignment.IndexOf('=') is not (> 0 and var at))
                    return await c.Misused($"-v {assignment}: no assignment");
                awk.Set(assignment[..at], Unescaped(assignment[(at + 1)..]));
            }

            awk.Begin();
            var status = 0;
            if (awk.ReadsInput)
            {
                status = await FilterCommands.ForEachLine(c, options.Operands[1..], line =>
                {
                    awk.Take(line);
                    return null;
                });
            }

            awk.End();
            return awk.HasExited ? awk.Status : status;
        }
        catch (AwkException e)
        {
            return await c.Fail(e.Message);
        }
    }

    private static string Unescaped(string text)
    {
        var newline = true;
        return System.Text.Encoding.UTF8.GetString(EchoEscapes.Decode(text, ref newline));
    }
}
