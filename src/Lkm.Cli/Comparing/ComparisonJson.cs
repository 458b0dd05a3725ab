using System.Text.Encodings.Web;
using System.Text.Json;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Comparing;

/// <summary>A comparison as one JSON document.</summary>
internal static class ComparisonJson
{
    private const int Schema = 1;

    /// <summary>Writes it.</summary>
    public static void Write(Stream output, Comparison comparison)
    {
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteString("module", comparison.Title);
            json.WriteString("kernel", comparison.Kernel);
            json.WriteBoolean("same", comparison.Differences.Count == 0);
            JsonReport.WriteArray(json, "differences", comparison.Differences);
            json.WriteStartArray("steps");
            foreach (ComparedStep step in comparison.Steps)
            {
                json.WriteStartObject();
                json.WriteString("name", step.Name);
                Write(json, "outcome", [step.Outcome]);
                Write(json, "output", step.Output);
                Write(json, "log", step.Log);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("taint");
            json.WriteNumber("real", comparison.RealTaint);
            json.WriteNumber("lkm", comparison.LkmTaint);
            json.WriteEndObject();
        }, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<AlignedLine> lines)
    {
        json.WriteStartArray(name);
        foreach (AlignedLine line in lines)
        {
            json.WriteStartObject();
            json.WriteBoolean("same", line.IsSame);
            json.WriteString("real", line.Real);
            json.WriteString("lkm", line.Lkm);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
