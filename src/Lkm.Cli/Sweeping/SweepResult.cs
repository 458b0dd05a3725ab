using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Kernel.Sessions;

namespace Lkm.Cli.Sweeping;

/// <summary>What a sweep found out about one module. Kept as one line of JSON, so that an interrupted sweep loses at most the last.</summary>
internal sealed record SweepResult
{
    /// <summary>The module's name.</summary>
    public required string Module { get; init; }

    /// <summary>What became of it.</summary>
    public required SweepOutcome Outcome { get; init; }

    /// <summary>The errno of the step that failed (ENODEV); null when none did, or none with an errno.</summary>
    public string? Errno { get; init; }

    /// <summary>One sentence about what failed; null when nothing did.</summary>
    public string? Reason { get; init; }

    /// <summary>Rules that were broken: oopses, memory errors, leaks.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>The kernel's log, a line each, without stamps.</summary>
    public IReadOnlyList<string> Log { get; init; } = [];

    /// <summary>/proc/sys/kernel/tainted at the end.</summary>
    public ulong Taint { get; init; }

    /// <summary>Wall time in milliseconds. The one member that differs from run to run.</summary>
    public long Milliseconds { get; init; }

    /// <summary>Whether a person should look at it: the run failed, or the module broke a rule.</summary>
    public bool NeedsAttention => Outcome.IsFailure() || Findings.Count > 0;

    /// <summary>The outcome, with the errno if there is one.</summary>
    public string Answer => Errno is null ? Outcome.Name() : $"{Outcome.Name()} {Errno}";

    /// <summary>What failed, or which rules were broken; empty when nothing is to be said.</summary>
    public string Why => Reason ?? string.Join("; ", Findings.Select(finding => finding.Summary));

    /// <inheritdoc/>
    public override string ToString() => $"{Module}: {Answer}: {Why}";

    /// <summary>The result as one line of JSON.</summary>
    public string ToLine()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(json);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>Writes the result as a JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("module", Module);
        json.WriteString("outcome", Outcome.Name());
        json.WriteString("errno", Errno);
        json.WriteString("reason", Reason);
        RunReportJson.WriteFindings(json, Findings);
        JsonReport.WriteArray(json, "log", Log);
        json.WriteNumber("taint", Taint);
        json.WriteNumber("milliseconds", Milliseconds);
        json.WriteEndObject();
    }

    /// <summary>Reads a line that <see cref="ToLine"/> wrote; null when it is not whole, as the last one of a sweep that was killed may be.</summary>
    public static SweepResult? Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return Parse(document.RootElement);
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Reads an object that <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidOperationException">It is something else.</exception>
    public static SweepResult Parse(JsonElement json) => new()
    {
        Module = json.GetProperty("module").GetString() ?? throw new InvalidOperationException("a result without a module"),
        Outcome = SweepOutcomes.TryParse(json.GetProperty("outcome").GetString(), out SweepOutcome outcome)
            ? outcome
            : throw new InvalidOperationException("an outcome that lkm does not know"),
        Errno = json.GetProperty("errno").GetString(),
        Reason = json.GetProperty("reason").GetString(),
        Findings = [.. json.GetProperty("findings").EnumerateArray()
            .Select(finding => new Finding(finding.GetProperty("kind").GetString()!, finding.GetProperty("summary").GetString()!))],
        Log = [.. json.GetProperty("log").EnumerateArray().Select(text => text.GetString()!)],
        Taint = json.GetProperty("taint").GetUInt64(),
        Milliseconds = json.GetProperty("milliseconds").GetInt64(),
    };
}
