using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Xml;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Sweeping;

/// <summary>A report in the forms that others read.</summary>
internal static class SweepReportFiles
{
    private const int Schema = 1;

    /// <summary>Writes all of them into a folder: <c>sweep.json</c>, <c>junit.xml</c>, <c>table.txt</c>, <c>compatibility.md</c>.</summary>
    public static void WriteAll(string folder, SweepReport report)
    {
        using (FileStream file = File.Create(Path.Combine(folder, "sweep.json")))
            WriteJson(file, report);
        using (FileStream file = File.Create(Path.Combine(folder, "junit.xml")))
            WriteJUnit(file, report);
        File.WriteAllText(Path.Combine(folder, "table.txt"), Table(report));
        File.WriteAllText(Path.Combine(folder, "compatibility.md"), Markdown(report));
    }

    /// <summary>One JSON document.</summary>
    public static void WriteJson(Stream output, SweepReport report)
    {
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteString("kernel", report.Kernel);
            json.WriteBoolean("ok", report.IsGood);
            json.WriteStartObject("counts");
            foreach (SweepOutcome outcome in SweepOutcomes.All)
                json.WriteNumber(outcome.Name(), report.Count(outcome));
            json.WriteEndObject();
            json.WriteNumber("compared", report.Compared);
            json.WriteStartArray("differences");
            foreach (SweepResult result in report.Differences)
            {
                json.WriteStartObject();
                json.WriteString("module", result.Module);
                json.WriteString("expected", report.Expected[result.Module].ToString());
                json.WriteString("found", result.Answer);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("results");
            foreach (SweepResult result in report.Results)
                result.Write(json);
            json.WriteEndArray();
        }, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
    }

    /// <summary>JUnit's XML, as CI systems read it: what needs attention fails, what the kernel refused with an errno is skipped.</summary>
    public static void WriteJUnit(Stream output, SweepReport report)
    {
        using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false), CheckCharacters = false });
        bool Fails(SweepResult result) => result.NeedsAttention || report.Differences.Contains(result);
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", $"lkm sweep of {report.Kernel}");
        xml.WriteAttributeString("tests", Text(report.Results.Count));
        xml.WriteAttributeString("failures", Text(report.Results.Count(Fails)));
        xml.WriteAttributeString("skipped", Text(report.Results.Count(result => !Fails(result) && result.Outcome != SweepOutcome.Ok)));
        foreach (SweepResult result in report.Results)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("classname", report.Kernel);
            xml.WriteAttributeString("name", result.Module);
            xml.WriteAttributeString("time", (result.Milliseconds / 1000.0).ToString("f3", CultureInfo.InvariantCulture));
            if (Fails(result))
            {
                xml.WriteStartElement("failure");
                xml.WriteAttributeString("message", Printable(Explain(report, result)));
                xml.WriteString(Printable(string.Join('\n', result.Log)));
                xml.WriteEndElement();
            }
            else if (result.Outcome != SweepOutcome.Ok)
            {
                xml.WriteStartElement("skipped");
                xml.WriteAttributeString("message", Printable(Explain(report, result)));
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    /// <summary>A line for each module, and the summary.</summary>
    public static string Table(SweepReport report)
    {
        var text = new StringBuilder();
        int width = report.Results.Count == 0 ? 0 : report.Results.Max(result => result.Module.Length);
        foreach (SweepResult result in report.Results)
            text.Append(result.Module.PadRight(width)).Append("  ").Append(result.Answer.PadRight(24)).Append("  ").Append(result.Why).Append('\n');
        return text.Append('\n').Append(report.Summary).ToString();
    }

    /// <summary>docs/compatibility.md: what works, and each thing that does not or that differs from real Linux, with the reason.</summary>
    public static string Markdown(SweepReport report)
    {
        var text = new StringBuilder($"## {report.Kernel}\n\n");
        text.Append("| outcome | modules |\n|---|---|\n");
        foreach (SweepOutcome outcome in SweepOutcomes.All.Where(outcome => report.Count(outcome) > 0))
            text.Append(CultureInfo.InvariantCulture, $"| {outcome.Name()} | {report.Count(outcome)} |\n");
        if (report.Compared > 0)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\nCompared with real Linux: {report.Compared}; the same: {report.Compared - report.Differences.Count} ({report.Parity:f1} %).\n");
        }
        if (report.Differences.Count > 0)
        {
            text.Append("\n| module | real Linux | lkm | why |\n|---|---|---|---|\n");
            foreach (SweepResult result in report.Differences)
                text.Append(CultureInfo.InvariantCulture, $"| {result.Module} | {report.Expected[result.Module]} | {result.Answer} | {Cell(result.Why)} |\n");
        }
        SweepResult[] others = [.. report.Results.Where(result => result.NeedsAttention && !report.Differences.Contains(result))];
        if (others.Length > 0)
        {
            text.Append("\nNot finished, or a rule broken:\n\n| module | lkm | why |\n|---|---|---|\n");
            foreach (SweepResult result in others)
                text.Append(CultureInfo.InvariantCulture, $"| {result.Module} | {result.Answer} | {Cell(result.Why)} |\n");
        }
        return text.ToString();
    }

    private static string Explain(SweepReport report, SweepResult result)
    {
        string found = $"{result.Answer}: {result.Why}";
        return report.Differences.Contains(result) ? $"real Linux: {report.Expected[result.Module]}; lkm: {found}" : found;
    }

    private static string Cell(string text) => Printable(text).Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>XML and tables have no way to say control characters, which a kernel's log may hold.</summary>
    private static string Printable(string text) => string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) ? c : '?'));
}
