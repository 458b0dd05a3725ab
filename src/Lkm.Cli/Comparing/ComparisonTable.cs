using System.Globalization;
using System.Text;

namespace Lkm.Cli.Comparing;

/// <summary>A comparison for people: a column for each side, with a mark between where they differ.</summary>
/// <param name="width">How many columns the screen has.</param>
/// <param name="colour">Whether differences are coloured.</param>
internal sealed class ComparisonTable(int width, bool colour)
{
    private const int LabelWidth = 10, MarkWidth = 3, LeastSide = 20;
    private const string Different = "\e[33m", Plain = "\e[0m";

    private readonly int _side = Math.Max(LeastSide, (width - LabelWidth - MarkWidth) / 2);
    private readonly StringBuilder _text = new();

    /// <summary>The table of a comparison.</summary>
    /// <param name="comparison">What is shown.</param>
    /// <param name="accelerator">What ran real Linux.</param>
    public string Format(Comparison comparison, string accelerator)
    {
        Line($"{comparison.Title} on {comparison.Kernel}");
        Row("", new AlignedLine($"real Linux (QEMU, {accelerator})", "lkm", IsSame: true));
        foreach (ComparedStep step in comparison.Steps)
        {
            if (step.Name.Length > LabelWidth - 1)
                Line(step.Name);
            Row(step.Name.Length > LabelWidth - 1 ? "" : step.Name, step.Outcome);
            Rows("  output", step.Output);
            Rows("  log", step.Log);
        }
        Row("taint", new AlignedLine(Number(comparison.RealTaint), Number(comparison.LkmTaint), comparison.RealTaint == comparison.LkmTaint));
        Line("");
        Line(comparison.Verdict);
        return _text.ToString();
    }

    /// <summary>The table of a module's log.</summary>
    public string FormatLog(string module, IReadOnlyList<AlignedLine> log)
    {
        Line(module);
        Rows("  log", log);
        return _text.ToString();
    }

    private void Rows(string label, IReadOnlyList<AlignedLine> lines)
    {
        for (int i = 0; i < lines.Count; i++)
            Row(i == 0 ? label : "", lines[i]);
    }

    /// <summary>A row; what is wider than its column goes on below.</summary>
    private void Row(string label, AlignedLine line)
    {
        string real = Printable(line.Real ?? ""), lkm = Printable(line.Lkm ?? "");
        for (int at = 0; at == 0 || at < real.Length || at < lkm.Length; at += _side)
        {
            string mark = at == 0 ? $" {line.Mark} " : "   ";
            string row = $"{(at == 0 ? label : "").PadRight(LabelWidth)}{Part(real, at).PadRight(_side)}{mark}{Part(lkm, at)}".TrimEnd();
            Line(colour && !line.IsSame ? $"{Different}{row}{Plain}" : row);
        }
    }

    private string Part(string text, int at) => at >= text.Length ? "" : text.Substring(at, Math.Min(_side, text.Length - at));

    private void Line(string text) => _text.Append(text).Append('\n');

    private static string Number(ulong number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Tabs and control characters would break the columns.</summary>
    private static string Printable(string text) => string.Concat(text.Select(c => c == '\t' ? "    " : char.IsControl(c) ? "?" : c.ToString()));
}
