using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lkm.Samples.Tests;

/// <summary>What one command of a script did.</summary>
/// <param name="Command">The line, for the shell.</param>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">What it printed, by lines.</param>
/// <param name="Log">What the kernel logged meanwhile: level, a bar, the text.</param>
public sealed record SampleStep(string Command, int Status, IReadOnlyList<string> Output, IReadOnlyList<string> Log);

/// <summary>
/// A session with samples: <c>sample FOLDER</c> lines name what is built, <c>$ COMMAND</c> lines are run one after another. Behind a command
/// stands what real Linux did: <c>= STATUS</c>, unless it is 0, <c>&gt; OUTPUT</c> and <c>LEVEL| LOG</c>.
/// </summary>
public sealed partial class SampleScript
{
    private SampleScript(string comment, IReadOnlyList<string> samples, IReadOnlyList<SampleStep> steps) =>
        (Comment, Samples, Steps) = (comment, samples, steps);

    /// <summary>The lines before the first command, without those that name samples.</summary>
    public string Comment { get; }

    /// <summary>The folders under samples/.</summary>
    public IReadOnlyList<string> Samples { get; }

    /// <summary>The commands.</summary>
    public IReadOnlyList<SampleStep> Steps { get; }

    /// <summary>Reads a script.</summary>
    public static SampleScript Read(string path)
    {
        var comment = new StringBuilder();
        var samples = new List<string>();
        var steps = new List<SampleStep>();
        List<string> output = [], log = [];
        foreach (var line in File.ReadLines(path))
        {
            if (line.StartsWith("sample ", StringComparison.Ordinal))
                samples.Add(line["sample ".Length..]);
            else if (line.StartsWith('#'))
                comment.AppendLine(line);
            else if (line.StartsWith("$ ", StringComparison.Ordinal))
                steps.Add(new SampleStep(line[2..], 0, output = [], log = []));
            else if (line.StartsWith("= ", StringComparison.Ordinal))
                steps[^1] = steps[^1] with { Status = int.Parse(line.AsSpan(2), CultureInfo.InvariantCulture) };
            else if (line.StartsWith('>'))
                output.Add(line.Length > 2 ? line[2..] : "");
            else if (line.Length > 1 && char.IsAsciiDigit(line[0]) && line[1] == '|')
                log.Add(line);
        }

        return new SampleScript(comment.ToString(), samples, steps);
    }

    /// <summary>Writes a script with what its commands did.</summary>
    public string Write(IEnumerable<SampleStep> steps)
    {
        var text = new StringBuilder(Comment);
        foreach (var sample in Samples)
            text.Append("sample ").Append(sample).Append('\n');
        foreach (var step in steps)
            text.Append('\n').Append(Show(step));
        return text.ToString();
    }

    /// <summary>A step as a script has it.</summary>
    public static string Show(SampleStep step)
    {
        var text = new StringBuilder("$ ").Append(step.Command).Append('\n');
        if (step.Status != 0)
            text.Append(CultureInfo.InvariantCulture, $"= {step.Status}\n");
        foreach (var line in step.Output)
            text.Append("> ".TrimEnd(line.Length == 0 ? ' ' : '\0')).Append(line).Append('\n');
        foreach (var line in step.Log)
            text.Append(line).Append('\n');
        return text.ToString();
    }

    /// <summary>
    /// A step without what differs between two boots of one kernel: addresses, hashed pointers, process ids, measured times, and who
    /// complains of a failed write (busybox's echo is its shell).
    /// </summary>
    public static string Normalise(SampleStep step)
    {
        var output = step.Output.Where(line => !IsExplanation(line)).Select(line => Folder().Replace(line, "module $1"));
        var text = Show(step with { Output = [.. output], Log = [.. step.Log.Where(line => !IsHardware(line))] });
        text = Address().Replace(text, "ADDRESS");
        text = Time().Replace(text, "TIME");
        return Complaint().Replace(text, "> COMMAND: ");
    }

    /// <summary>A second line, in which lkm tells more than kmod.</summary>
    private static bool IsExplanation(string line) =>
        line.StartsWith("insmod: ", StringComparison.Ordinal) && !line.StartsWith("insmod: ERROR", StringComparison.Ordinal);

    private static bool IsHardware(string line) =>
        line.Contains("Hardware name: ", StringComparison.Ordinal) || line.Contains("clocksource", StringComparison.Ordinal) || line.Contains("| tsc: ", StringComparison.Ordinal)
        || line.Contains("hrtimer: interrupt took", StringComparison.Ordinal);

    [GeneratedRegex(@"\(____ptrval____\)|\b(0x)?[0-9a-f]{16}\b")]
    private static partial Regex Address();

    [GeneratedRegex(@"module /\S*/(\S+\.ko)")]
    private static partial Regex Folder();

    [GeneratedRegex(@"\b\d+\.\d+(/\d+\.\d+)* ms\b|\bpid \d+")]
    private static partial Regex Time();

    [GeneratedRegex(@"^> (sh|echo|cat|/commands/\d+: line \d+|[a-z/]*sh: line \d+): ", RegexOptions.Multiline)]
    private static partial Regex Complaint();
}
