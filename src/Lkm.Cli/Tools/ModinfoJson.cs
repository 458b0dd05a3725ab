using System.Text;
using System.Text.Json;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Tools;

/// <summary>What modules say about themselves, as one JSON document.</summary>
internal static class ModinfoJson
{
    public static void Write(ToolOutput output, List<ModinfoDocument> documents) => ToolJson.Write(output, json => Write(json, documents));

    private static void Write(Utf8JsonWriter json, List<ModinfoDocument> documents)
    {
        json.WriteStartArray("modules");
        foreach (var (name, file, fields) in documents)
        {
            json.WriteStartObject();
            json.WriteString("filename", file);
            if (name is not null)
            {
                json.WriteString("name", name);
            }
            foreach (var group in fields.Where(entry => entry.Key is not ("parm" or "parmtype") && !(name is not null && entry.Key == "name")).GroupBy(static entry => entry.Key))
            {
                JsonReport.WriteArray(json, group.Key, group.Select(static entry => Encoding.UTF8.GetString(entry.Value)));
            }
            var parameters = new List<ModuleParameter>();
            foreach (var statement in fields.Where(static entry => entry.Key is "parm" or "parmtype"))
            {
                ModuleParameter.Add(parameters, statement.Key == "parm", statement.Value);
            }
            json.WriteStartArray("parameters");
            foreach (var parameter in parameters)
            {
                json.WriteStartObject();
                json.WriteString("name", parameter.Name);
                WriteOptional(json, "description", parameter.Description);
                WriteOptional(json, "type", parameter.Type);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, byte[]? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }
}
