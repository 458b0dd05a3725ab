using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lkm.Cli.CommandLine;

/// <summary>The JSON documents that commands print: one object, whose first member <c>schema</c> says which form it has, and a newline.</summary>
internal static class JsonReport
{
    /// <summary>Writes a document.</summary>
    /// <param name="output">Where to; it stays open.</param>
    /// <param name="schema">Grows when a member changes its meaning or goes; new members may come without.</param>
    /// <param name="members">Adds the members behind <c>schema</c>.</param>
    /// <param name="encoder">How texts are escaped; null for what is safe in HTML too.</param>
    public static void Write(Stream output, int schema, Action<Utf8JsonWriter> members, JavaScriptEncoder? encoder = null)
    {
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, Encoder = encoder });
        json.WriteStartObject();
        json.WriteNumber("schema", schema);
        members(json);
        json.WriteEndObject();
        json.Flush();
        output.Write("\n"u8);
    }

    /// <summary>Writes a member that is an array of texts.</summary>
    public static void WriteArray(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
