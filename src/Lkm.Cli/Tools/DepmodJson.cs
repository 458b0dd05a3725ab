using Lkm.Cli.CommandLine;
using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>What depmod found, as one JSON document.</summary>
internal static class DepmodJson
{
    /// <summary>Writes the document.</summary>
    /// <param name="context">The tool.</param>
    /// <param name="exitCode">How it ends.</param>
    /// <param name="directory">The module directory.</param>
    /// <param name="result">What was found; null if no order of loading was.</param>
    /// <param name="files">The index files that were written.</param>
    public static void Write(ToolContext context, int exitCode, string directory, DepmodResult? result, List<string> files) => ToolJson.Write(context.Output, json =>
    {
        json.WriteString("tool", "depmod");
        json.WriteNumber("exit", exitCode);
        json.WriteString("directory", directory);
        json.WriteStartArray("modules");
        for (var i = 0; i < (result?.Modules.Count ?? 0); i++)
        {
            var summary = result!.Summaries[i];
            json.WriteStartObject();
            json.WriteString("name", result.Modules[i].Name);
            json.WriteString("file", result.Modules[i].ListedPath);
            JsonReport.WriteArray(json, "dependencies", result.DependenciesOf(i).Select(need => result.Modules[need].Name));
            JsonReport.WriteArray(json, "aliases", summary.Aliases);
            JsonReport.WriteArray(json, "softdeps", summary.SoftDependencies);
            JsonReport.WriteArray(json, "weakdeps", summary.WeakDependencies);
            JsonReport.WriteArray(json, "symbols", summary.Exports.Select(static export => export.Name));
            if (summary.Problem is { } problem)
            {
                json.WriteString("problem", problem.ToString());
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        JsonReport.WriteArray(json, "files", files);
        JsonReport.WriteArray(json, "messages", context.Log.Messages);
    });
}
