using System.Text;
using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.Cli.Sweeping;

/// <summary>What real Linux did with a module: the outcome, and the errno where it refused to load it.</summary>
/// <param name="Outcome">ok, load-failed or unload-failed.</param>
/// <param name="Errno">Its name, or null.</param>
internal sealed record ExpectedOutcome(SweepOutcome Outcome, string? Errno)
{
    /// <summary>Whether a sweep found the same.</summary>
    /// <remarks>
    /// kmod looks whether a module is in use before it asks the kernel, and ends with what would be EBUSY; the kernel says EAGAIN (EWOULDBLOCK).
    /// </remarks>
    public bool IsMetBy(SweepResult result) =>
        result.Outcome == Outcome && (Errno is null || Errno == result.Errno || (Errno == nameof(Formats.Errno.EBUSY) && result.Errno == nameof(Formats.Errno.EAGAIN)));

    /// <inheritdoc/>
    public override string ToString() => Errno is null ? Outcome.Name() : $"{Outcome.Name()} {Errno}";
}

/// <summary>
/// A table of what real Linux did: a JSON object with a member for each module, of which <c>status</c> (an outcome) and <c>errno</c> (a name or
/// null) count.
/// </summary>
internal static class ExpectedOutcomes
{
    /// <summary>The answers of a sweep of real Linux; what it did not get an answer to is left out.</summary>
    public static IReadOnlyDictionary<string, ExpectedOutcome> Of(SweepRecord real) =>
        real.Results.Where(result => !result.Outcome.IsFailure()).ToDictionary(result => result.Module, result => new ExpectedOutcome(result.Outcome, result.Errno));

    /// <summary>Writes a table that <see cref="Read"/> reads.</summary>
    public static void Write(string path, IReadOnlyDictionary<string, ExpectedOutcome> table)
    {
        using FileStream file = File.Create(path);
        file.Write("{"u8);
        string separator = "\n ";
        foreach ((string module, ExpectedOutcome expected) in table.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            string errno = expected.Errno is null ? "null" : $"\"{expected.Errno}\"";
            file.Write(Encoding.UTF8.GetBytes($"{separator}\"{JsonEncodedText.Encode(module)}\": {{\"status\": \"{expected.Outcome.Name()}\", \"errno\": {errno}}}"));
            separator = ",\n ";
        }
        file.Write("\n}\n"u8);
    }

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
