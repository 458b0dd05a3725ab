using System.Text.Encodings.Web;
using System.Text.Json;
using Lkm.Cli.CommandLine;

namespace Lkm.Cli.Tools;

/// <summary>One JSON document for a command, with a <c>schema</c> number that changes when its form does.</summary>
internal static class ToolJson
{
    private const int Schema = 1;

    /// <summary>Writes the document; the body adds the members of its object.</summary>
    public static void Write(ToolOutput output, Action<Utf8JsonWriter> body)
    {
        var stream = new MemoryStream();
        JsonReport.Write(stream, Schema, body, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        output.Write(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }
}
