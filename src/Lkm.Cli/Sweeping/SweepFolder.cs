using System.Text;
using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.Cli.Sweeping;

/// <summary>
/// Where a sweep keeps its results: <c>results.jsonl</c>, a line for the kernel and then one for each module, written as they come. A sweep that was
/// interrupted goes on from there.
/// </summary>
internal sealed class SweepFolder : IDisposable
{
    private const string ResultsFile = "results.jsonl";
    private const int Schema = 1;

    private readonly StreamWriter _results;

    private SweepFolder(string path, StreamWriter results)
    {
        Path = path;
        _results = results;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Opens a folder to write into.</summary>
    /// <param name="path">The folder; made when it is not there.</param>
    /// <param name="kernel">The kernel's release.</param>
    /// <param name="resume">Whether to go on with what is there; otherwise there must be nothing.</param>
    /// <param name="done">The results that are there already.</param>
    /// <param name="retry">Whether runs that failed are forgotten, to have another chance: they may have had bad luck, a busy machine for example.</param>
    public static Outcome<SweepFolder> Open(string path, string kernel, bool resume, out List<SweepResult> done, bool retry = false)
    {
        done = [];
        Directory.CreateDirectory(path);
        string file = System.IO.Path.Combine(path, ResultsFile);
        if (File.Exists(file) && !resume)
            return Outcome<SweepFolder>.Failure($"{path}: holds a sweep already; go on with it by --resume, or name another folder by --output");
        if (File.Exists(file))
        {
            Outcome<SweepRecord> read = Read(path);
            if (!read.Succeeded)
                return Outcome<SweepFolder>.Failure(read.Error);
            if (read.Value.Kernel != kernel)
                return Outcome<SweepFolder>.Failure($"{path}: holds a sweep of {read.Value.Kernel}, not of {kernel}");
            done.AddRange(read.Value.Results.Where(result => !retry || !result.Outcome.IsFailure()));
        }
        // Written anew, so that a torn last line does not stay.
        var folder = new SweepFolder(path, new StreamWriter(file, append: false, new UTF8Encoding(false)) { NewLine = "\n", AutoFlush = true });
        folder._results.WriteLine(Header(kernel));
        foreach (SweepResult result in done)
            folder.Add(result);
        return Outcome<SweepFolder>.Success(folder);
    }

    /// <summary>Reads the results of a folder, or of a file of results.</summary>
    public static Outcome<SweepRecord> Read(string path)
    {
        string file = Directory.Exists(path) ? System.IO.Path.Combine(path, ResultsFile) : path;
        try
        {
            using StreamReader lines = File.OpenText(file);
            if (KernelOf(lines.ReadLine()) is not { } kernel)
                return Outcome<SweepRecord>.Failure($"{file}: no results of a sweep (its first line names no kernel)");
            var results = new OrderedDictionary<string, SweepResult>();
            while (lines.ReadLine() is { } line)
            {
                if (SweepResult.Parse(line) is { } result)
                    results[result.Module] = result; // one that was run again counts as it went the last time
            }
            return Outcome<SweepRecord>.Success(new SweepRecord(kernel, results.Values));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Outcome<SweepRecord>.Failure($"{file}: {failure.Message}");
        }
    }

    /// <summary>Keeps a result.</summary>
    public void Add(SweepResult result)
    {
        lock (_results)
            _results.WriteLine(result.ToLine());
    }

    /// <inheritdoc/>
    public void Dispose() => _results.Dispose();

    private static string Header(string kernel) => $$"""{"schema":{{Schema}},"kernel":"{{JsonEncodedText.Encode(kernel)}}"}""";

    private static string? KernelOf(string? line)
    {
        try
        {
            using var header = JsonDocument.Parse(line ?? "");
            return header.RootElement.GetProperty("schema").GetInt32() == Schema ? header.RootElement.GetProperty("kernel").GetString() : null;
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }
}

/// <summary>What a sweep found out.</summary>
/// <param name="Kernel">The kernel's release.</param>
/// <param name="Results">A result for each module.</param>
internal sealed record SweepRecord(string Kernel, IReadOnlyList<SweepResult> Results);
