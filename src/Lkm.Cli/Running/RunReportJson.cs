using System.Text.Json;
using Lkm.Cli.CommandLine;
using Lkm.Formats;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Running;

/// <summary>Writes a report as one JSON document. <c>schema</c> grows when a member changes its meaning or goes; new members may come without.</summary>
internal static class RunReportJson
{
    private const int Schema = 1;

    /// <summary>Writes it.</summary>
    public static void Write(Stream output, RunReport report)
    {
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteBoolean("ok", report.Failure is null);
            json.WriteString("failure", report.Failure);
            json.WriteString("kernel", report.Kernel);
            json.WriteStartArray("modules");
            foreach (ModuleRun run in report.Modules)
            {
                json.WriteStartObject();
                json.WriteString("name", run.Module.Name);
                json.WriteString("path", run.Module.Path);
                json.WriteString("parameters", run.Module.Parameters);
                WriteStep(json, "load", run.Load);
                WriteStep(json, "unload", run.Unload);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("log");
            foreach ((LogMessage message, string phase, _) in report.Log)
            {
                json.WriteStartObject();
                json.WriteNumber("level", message.Level);
                json.WriteNumber("nanoseconds", message.Nanoseconds);
                json.WriteString("text", message.Text);
                json.WriteString("phase", phase);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (report.Trace is { } trace)
            {
                json.WriteStartArray("trace");
                foreach (LoadStep step in trace)
                    step.Write(json);
                json.WriteEndArray();
            }
            json.WriteStartArray("commands");
            foreach (CommandResult command in report.Commands)
            {
                json.WriteStartObject();
                json.WriteString("line", command.Line);
                json.WriteString("output", command.Output);
                json.WriteNumber("status", command.Status);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteNumber("taint", report.Taint);
            WriteFindings(json, report.Findings);
        });
    }

    /// <summary>Writes the member <c>findings</c>, which other reports have as well.</summary>
    public static void WriteFindings(Utf8JsonWriter json, IEnumerable<Finding> findings)
    {
        json.WriteStartArray("findings");
        foreach (Finding finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("kind", finding.Kind);
            json.WriteString("summary", finding.Summary);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteStep(Utf8JsonWriter json, string name, StepResult? step)
    {
        if (step is null)
        {
            json.WriteNull(name);
            return;
        }
        json.WriteStartObject(name);
        json.WriteNumber("returnCode", step.ReturnCode);
        json.WriteString("errno", step.Succeeded ? null : step.Errno.Name());
        json.WriteString("explanation", step.Explanation);
        json.WriteNumber("microseconds", step.Microseconds);
        json.WriteEndObject();
    }
}
