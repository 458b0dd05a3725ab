using System.Globalization;

namespace Lkm.RealLinux;

/// <summary>Reads the guest's console: for each command a begin mark, its output, a status mark, the kernel's log, an end mark.</summary>
public static class GuestProtocol
{
    /// <summary>What starts a line of the protocol.</summary>
    public const string Mark = "@@lkm@@";

    /// <summary>Reads a console's text. A command that the guest did not survive has no status, and those after it are missing.</summary>
    /// <param name="console">What the guest printed.</param>
    /// <param name="commands">The commands, in order.</param>
    public static IReadOnlyList<GuestResult> Read(string console, IReadOnlyList<string> commands)
    {
        var results = new List<GuestResult>();
        List<string>? output = null;
        List<GuestLogLine> log = [];
        int? status = null;
        ulong taint = 0;
        foreach (string line in console.Split('\n'))
        {
            string[] words = line.StartsWith(Mark, StringComparison.Ordinal) ? line.Split(' ') : [];
            if (words is [_, "begin", ..])
            {
                (output, log, status) = ([], [], null);
            }
            else if (words is [_, "status", string code, string tainted])
            {
                status = int.Parse(code, CultureInfo.InvariantCulture);
                taint = ulong.Parse(tainted, CultureInfo.InvariantCulture);
            }
            else if (words is [_, "end"] && output is not null)
            {
                Add();
                output = null;
            }
            else if (output is not null && status is null)
            {
                output.Add(line);
            }
            else if (output is not null && ReadLogLine(line) is { } entry)
            {
                log.Add(entry);
            }
        }
        if (output is not null)
            Add();
        return results;

        void Add()
        {
            if (results.Count < commands.Count)
                results.Add(new GuestResult(commands[results.Count], status, string.Join('\n', output!).TrimEnd('\n'), log, taint));
        }
    }

    /// <summary>Reads <c>&lt;6&gt;[    1.234567] text</c>.</summary>
    /// <returns>Null when the line is none.</returns>
    public static GuestLogLine? ReadLogLine(string line)
    {
        int level = line.IndexOf('>'), open = line.IndexOf('['), close = line.IndexOf(']');
        if (level < 2 || line[0] != '<' || open != level + 1 || close < open)
            return null;
        if (!int.TryParse(line.AsSpan(1, level - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int priority)
            || !double.TryParse(line.AsSpan(open + 1, close - open - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds))
            return null;
        string text = close + 2 <= line.Length ? line[(close + 2)..] : "";
        return new GuestLogLine(priority & 7, seconds, text);
    }
}
