using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.Cli.Sweeping;

/// <summary>What real Linux did with a module: the outcome, and the errno where it refused to load it.</summary>
/// <param name="Outcome">ok, load-failed or unload-failed.</param>
/// <param name="Errno">Its name, or null.</param>
internal sealed record ExpectedOutcome(SweepOutcome Outcome, string? Errno)
{
    /// <summary>Whether a sweep found the same.</summary>
    public bool IsMetBy(SweepResult result) =>
        result.Outcome == Outcome && (Errno is null || Errno == result.Errno);

    /// <inheritdoc/>
    public override string ToString() => Errno is null ? Outcome.Name() : $"{Outcome.Name()} {Errno}";
}

/// <summary>
/// A table of what real Linux did: a JSON object with a member for each module, of which <c>status</c> (an outcome) and <c>errno</c> (a name or
/// null) count.
/// </summary>
internal static class ExpectedOutcomes
{
    /// <summary>Reads a table.</summary>
    public static Outcome<IReadOnlyDictionary<string, ExpectedOutcome>> Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var table = new Dictionary<string, ExpectedOutcome>();
            foreach (JsonProperty module in document.RootElement.EnumerateObject())
            {
                string? status = module.Value.GetProperty("status").GetString();
                if (!SweepOutcomes.TryParse(status, out SweepOutcome outcome))
                    return Failure($"{path}: {module.Name}: no such outcome: {status}");
                table[module.Name] = new ExpectedOutcome(outcome, module.Value.GetProperty("errno").GetString());
            }
            return Outcome<IReadOnlyDictionary<string, ExpectedOutcome>>.Success(table);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Failure($"{path}: {failure.Message}");
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return Failure($"{path}: not a table of outcomes: {damaged.Message}");
        }
    }

    private static Outcome<IReadOnlyDictionary<string, ExpectedOutcome>> Failure(string error) =>
        Outcome<IReadOnlyDictionary<string, ExpectedOutcome>>.Failure(error);
}
