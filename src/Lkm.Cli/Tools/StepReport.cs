using Lkm.Cli.CommandLine;
using Lkm.Formats;

namespace Lkm.Cli.Tools;

/// <summary>What a tool did, step by step, for <c>--json</c>.</summary>
internal sealed class StepReport(ToolContext context)
{
    private readonly List<Step> _steps = [];

    /// <summary>Adds a step.</summary>
    /// <param name="action">What was done, by the name of the tool or command that does just this.</param>
    /// <param name="module">The module's name.</param>
    /// <param name="file">The module's file; null if none took part.</param>
    /// <param name="argument">Parameters or a command line; null if there are none.</param>
    /// <param name="result">How it ended; null if it was not carried out.</param>
    public void Add(string action, string module, string? file, string? argument, Errno? result) => _steps.Add(new(action, module, file, argument, result));

    /// <summary>Writes the document.</summary>
    public void Write(int exitCode) => ToolJson.Write(context.Output, json =>
    {
        json.WriteString("tool", context.ProgramName);
        json.WriteNumber("exit", exitCode);
        json.WriteStartArray("steps");
        foreach (var step in _steps)
        {
            json.WriteStartObject();
            json.WriteString("action", step.Action);
            json.WriteString("module", step.Module);
            if (step.File is not null)
            {
                json.WriteString("file", step.File);
            }
            if (step.Argument is not null)
            {
                json.WriteString(step.Action is "install" or "remove" ? "command" : "options", step.Argument.Trim());
            }
            json.WriteString("result", step.Result is { } result ? (result == Errno.OK ? "ok" : result.Name()) : "not done");
            json.WriteEndObject();
        }
        json.WriteEndArray();
        JsonReport.WriteArray(json, "messages", context.Log.Messages);
    });

    private sealed record Step(string Action, string Module, string? File, string? Argument, Errno? Result);
}
