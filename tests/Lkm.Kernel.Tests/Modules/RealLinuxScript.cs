using System.Globalization;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>One step of a recorded session on a real kernel: what was asked, what it returned, what it logged.</summary>
/// <param name="Line">The line of the file, for messages.</param>
/// <param name="Request">The request: <c>load FILE FLAGS PARAMETERS</c> or <c>unload NAME FLAGS</c>.</param>
/// <param name="Code">What the system call returned.</param>
/// <param name="Log">The records, each with its level before it.</param>
public sealed record RealLinuxStep(int Line, string Request, int Code, IReadOnlyList<string> Log)
{
    /// <summary>Reads a recording.</summary>
    public static IReadOnlyList<RealLinuxStep> Read(string path)
    {
        var steps = new List<RealLinuxStep>();
        var lines = File.ReadAllLines(path);
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0 || lines[i][0] == '#')
                continue;
            var (line, request) = (i + 1, lines[i]);
            var code = int.Parse(lines[++i].AsSpan(2), CultureInfo.InvariantCulture);
            var log = new List<string>();
            while (i + 1 < lines.Length && lines[i + 1].Length != 0)
            {
                i++;
                if (lines[i].StartsWith("  ", StringComparison.Ordinal))
                    log[^1] += "\n" + lines[i][2..];
                else
                    log.Add(lines[i].Replace(@"\x7f", "\u007f", StringComparison.Ordinal)); // as /dev/kmsg writes it
            }

            steps.Add(new RealLinuxStep(line, request, code, log));
        }

        return steps;
    }
}
