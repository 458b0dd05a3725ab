using System.Text;
using Lkm.Formats;

namespace Lkm.Modules;

/// <summary>What depmod is to do.</summary>
public sealed record DepmodOptions
{
    /// <summary>The module directory, for example <c>/lib/modules/6.1.0-56-amd64</c>.</summary>
    public required string Directory { get; init; }

    /// <summary>Which directories take precedence.</summary>
    public required DepmodConfiguration Configuration { get; init; }

    /// <summary>Files to read instead of those in the directory; null for all.</summary>
    public IReadOnlyList<string>? Files { get; init; }

    /// <summary>The kernel's own symbols, to report what nothing supplies; null not to.</summary>
    public KernelSymbols? KernelSymbols { get; init; }

    /// <summary>A character that symbols of some architectures begin with, and that is left out; NUL for none.</summary>
    public char SymbolPrefix { get; init; }

    /// <summary>Tells of each symbol which module it comes from.</summary>
    public bool Verbose { get; init; }

    /// <summary>What was read before, so that unchanged files need not be read again; null to read all.</summary>
    public SummaryCache? Cache { get; init; }

    /// <summary>How many files are read at once.</summary>
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    /// <summary>Greatest size of a module in bytes, unpacked.</summary>
    public int LargestModule { get; init; } = 1 << 30;
}

/// <summary>Reads a tree of modules and finds out what each needs: depmod(8).</summary>
public static class Depmod
{
    /// <summary>kmod's limit on the number of modules that it can index.</summary>
    private const int MostModules = 65534;

    /// <summary>Reads all modules and connects them.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="messages">Takes what there is to say; one that is fatal comes with a null result.</param>
    /// <param name="details">Takes a line for each use of a symbol, with <see cref="DepmodOptions.Verbose"/>.</param>
    public static DepmodResult? Run(DepmodOptions options, List<DepmodMessage> messages, Action<string>? details = null)
    {
        var modules = options.Files is { } files
            ? ModuleTree.FromPaths(options.Directory, files, options.Configuration, messages)
            : ModuleTree.Find(options.Directory, options.Configuration, messages);
        if (modules is null)
        {
            messages.Add(new(DepmodSeverity.Fatal, "could not search modules: No such file or directory"));
            return null;
        }
        if (modules.Count > MostModules)
        {
            messages.Add(new(DepmodSeverity.Fatal, $"too many modules: {modules.Count}, of which {MostModules} can be indexed"));
            return null;
        }
        var summaries = ReadAll(modules, options);
        for (var i = 0; i < modules.Count; i++)
        {
            if (summaries[i].Problem is { } problem)
            {
                messages.Add(new(DepmodSeverity.Error, $"failed to load symbols from {modules[i].Path}: {problem.Errno.Message()}"));
            }
        }
        var (owners, symbols) = FindOwners(summaries, options);
        var graph = DependencyGraph.Build(summaries, owners);
        if (options.KernelSymbols is not null || options.Verbose)
        {
            SymbolReport.Write(modules, summaries, owners, options, messages, details);
        }
        if (graph.SortedCount < modules.Count)
        {
            DependencyCycles.Report(modules, graph, messages);
            return null;
        }
        return new(options.Directory, modules, summaries, graph, symbols);
    }

    private static ModuleSummary[] ReadAll(List<TreeModule> modules, DepmodOptions options)
    {
        var withImports = options.KernelSymbols is not null;
        var summaries = new ModuleSummary[modules.Count];
        var next = -1;
        var threads = new Thread[Math.Max(0, Math.Min(options.Parallelism, modules.Count) - 1)];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new(Work);
            threads[i].Start();
        }
        Work();
        foreach (var thread in threads)
        {
            thread.Join();
        }
        return summaries;

        // Each worker takes the next module when it is done with one: sizes differ too much for equal shares.
        void Work()
        {
            var reader = new SummaryReader(withImports, options.LargestModule);
            while (Interlocked.Increment(ref next) is var i && i < modules.Count)
            {
                summaries[i] = options.Cache is { } cache && !withImports
                    ? cache.GetOrRead(modules[i], reader.Read)
                    : reader.Read(modules[i].Path);
            }
        }
    }

    private static (SymbolOwners Owners, List<ExportedBy> Symbols) FindOwners(ModuleSummary[] summaries, DepmodOptions options)
    {
        var exporters = new Dictionary<string, int>();
        for (var i = 0; i < summaries.Length; i++)
        {
            foreach (var export in summaries[i].Exports)
            {
                exporters[WithoutPrefix(export.Name, options.SymbolPrefix)] = i;
            }
        }
        var owners = new SymbolOwners(exporters.Count);
        var symbols = new List<ExportedBy>(exporters.Count);
        foreach (var (name, owner) in exporters)
        {
            owners.Set(name, owner);
            symbols.Add(new(name, owner, KmodHash.BucketOf(name, KmodHash.SymbolBuckets)));
        }
        symbols.Sort(static (a, b) => a.Bucket != b.Bucket ? a.Bucket - b.Bucket : string.CompareOrdinal(a.Name, b.Name));
        return (owners, symbols);
    }

    internal static string WithoutPrefix(string name, char prefix) => prefix != 0 && name.StartsWith(prefix) ? name[1..] : name;
}
