using System.Globalization;
using System.Text;
using Lkm.Formats;

namespace Lkm.RealLinux;

/// <summary>
/// The text table of modules and what real Linux did with them. For each a block of lines: <c>module NAME [PARAMETER=VALUE …]</c>,
/// <c>load ok</c> or <c>load ERRNO</c>, then <c>unload …</c>; under each of these the log, <c>LEVEL| TEXT</c>. <c>#</c> starts a comment.
/// </summary>
public static class ModuleTable
{
    /// <summary>Reads a table. A block may lack outcomes: then it only names a module to record.</summary>
    /// <param name="lines">The table's lines.</param>
    /// <exception cref="FormatException">A line is none of the above: the table is the repository's own file.</exception>
    public static IReadOnlyList<ModuleOutcome> Read(IEnumerable<string> lines)
    {
        var outcomes = new List<ModuleOutcome>();
        List<ExpectedLine>? log = null;
        foreach (string line in lines)
        {
            if (line.Length == 0 || line[0] == '#')
                continue;
            string[] words = line.Split(' ', 2);
            switch (words)
            {
                case ["module", string rest]:
                    string[] module = rest.Split(' ', 2);
                    outcomes.Add(new ModuleOutcome(module[0], module.Length > 1 ? module[1] : "", Errno.OK, [], null, []));
                    break;
                case ["load", string result] when outcomes.Count > 0:
                    outcomes[^1] = outcomes[^1] with { Load = ReadErrno(result), LoadLog = log = [] };
                    break;
                case ["unload", string result] when outcomes.Count > 0:
                    outcomes[^1] = outcomes[^1] with { Unload = ReadErrno(result), UnloadLog = log = [] };
                    break;
                case [[>= '0' and <= '7', '|'], string text] when log is not null:
                    log.Add(new ExpectedLine(line[0] - '0', text));
                    break;
                default:
                    throw new FormatException($"not a line of a module table: {line}");
            }
        }
        return outcomes;
    }

    /// <summary>Writes a table.</summary>
    /// <param name="comment">What stands at its head, without the <c>#</c>.</param>
    /// <param name="outcomes">The modules.</param>
    public static string Write(string comment, IEnumerable<ModuleOutcome> outcomes)
    {
        var text = new StringBuilder();
        foreach (string line in comment.Split('\n'))
            text.Append(CultureInfo.InvariantCulture, $"# {line}\n");
        foreach (ModuleOutcome outcome in outcomes)
        {
            text.Append('\n').Append($"module {outcome.Module} {outcome.Parameters}".TrimEnd()).Append('\n');
            Append("load", outcome.Load, outcome.LoadLog);
            if (outcome.Unload is { } unload)
                Append("unload", unload, outcome.UnloadLog);
        }
        return text.ToString();

        void Append(string what, Errno errno, IReadOnlyList<ExpectedLine> log)
        {
            text.Append(CultureInfo.InvariantCulture, $"{what} {(errno == Errno.OK ? "ok" : errno.Name())}\n");
            foreach (ExpectedLine line in log)
                text.Append(CultureInfo.InvariantCulture, $"{line.Level}| {line.Text}\n");
        }
    }

    private static Errno ReadErrno(string name) => name == "ok" ? Errno.OK : Enum.Parse<Errno>(name);
}
