using System.Text.Json;
using Lkm.Cli.CommandLine;
using Lkm.Formats;
using Lkm.Kernel.Sanitizer;
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
            if (report.Allocations?.Failed is { } failed)
            {
                json.WritePropertyName("failedAllocation");
                WriteAllocation(json, failed);
            }
            json.WriteNumber("taint", report.Taint);
            WriteFindings(json, report.Findings);
        });
    }

    /// <summary>Writes what each run came to in which one allocation failed.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="allocations">How many allocations there are when none fails.</param>
    /// <param name="trials">The runs.</param>
    public static void Write(Stream output, int allocations, IReadOnlyList<AllocationTrial> trials)
    {
        JsonReport.Write(output, Schema, json =>
        {
            json.WriteBoolean("ok", !trials.Any(trial => trial.BrokeARule));
            json.WriteNumber("allocations", allocations);
            json.WriteStartArray("trials");
            foreach (AllocationTrial trial in trials)
            {
                json.WriteStartObject();
                json.WriteNumber("number", trial.Number);
                json.WritePropertyName("allocation");
                WriteAllocation(json, trial.Allocation);
                json.WriteString("result", trial.Text);
                json.WriteString("errno", trial.IsRefused ? trial.Report.Modules[^1].Load.Errno.Name() : null);
                WriteFindings(json, trial.Report.Findings);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    private static void WriteAllocation(Utf8JsonWriter json, ModuleAllocation allocation)
    {
        json.WriteStartObject();
        json.WriteString("allocator", allocation.Allocator.ToString());
        json.WriteNumber("size", allocation.Size);
        JsonReport.WriteArray(json, "callers", allocation.Callers);
        json.WriteEndObject();
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
