using System.Globalization;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;
using Lkm.Modules;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm sweep</c>: all modules of a kernel, each loaded and unloaded in a fresh kernel.</summary>
internal static class SweepCommand
{
    private const int DefaultSeconds = 120, DefaultMebibytes = 3072;

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "sweep",
        Operands = "[RESULTS ...]",
        Summary = "Load and unload every module of a kernel, each in a fresh one, and report",
        Details = """
            Each module starts from the kernel's snapshot in a process that may fail without harm to the next, and has a limit of time and memory.
            The results lie in a folder: results.jsonl, which grows as they come, and at the end sweep.json, junit.xml, table.txt and
            compatibility.md. The exit code is 1 when a run failed, a module broke a rule, or an outcome differs from an expected one; a module that
            the kernel refused with an errno is an answer. With --merge, RESULTS are folders of sweeps, of shards for example, that become one.
            """,
        Options =
        [
            KernelOption.Option,
            new("--modules", "PATTERN", "only modules whose names match; may be repeated"),
            new("--shard", "I/N", "only the I-th of N equal parts"),
            new("--jobs", "J", "how many run at once (default: one for each processor)"),
            new("--output", "DIR", "the folder for the results (default sweep-VERSION)"),
            new("--resume", null, "go on with a sweep that was interrupted"),
            new("--timeout", "SECONDS", $"what a module may take (default {DefaultSeconds})"),
            new("--memory-limit", "MIB", $"what the process of a module may take (default {DefaultMebibytes})"),
            new("--expected", "FILE", "compare with what real Linux did (a JSON object: name to status and errno)"),
            new("--merge", null, "make one report of the RESULTS"),
            new("--json", null, "print the report as JSON, not as a summary"),
        ],
        Examples =
        [
            "lkm sweep --modules 'crc*' --output crc",
            "lkm sweep --shard 1/4 --output shard-1 && lkm sweep --merge shard-* --output whole",
        ],
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        IReadOnlyDictionary<string, ExpectedOutcome> expected = new Dictionary<string, ExpectedOutcome>();
        if (arguments.Value("--expected") is { } table)
        {
            Outcome<IReadOnlyDictionary<string, ExpectedOutcome>> read = ExpectedOutcomes.Read(table);
            if (!read.Succeeded)
                return Screen.Fail(read.Error);
            expected = read.Value;
        }
        if (arguments.Has("--merge"))
            return Merge(arguments, expected);
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        if (arguments.Operands is [WorkerProcess.Word])
        {
            new SweepWorker(kernel.Value).Serve(Console.In, Console.Out);
            return ExitCode.Done;
        }
        return arguments.Operands.Count > 0 ? Screen.Misused("sweep: RESULTS are for --merge; name modules by --modules") : Sweep(arguments, kernel.Value, expected);
    }

    private static int Sweep(Arguments arguments, KernelSource kernel, IReadOnlyDictionary<string, ExpectedOutcome> expected)
    {
        if (kernel.ModulesDirectory is not { } directory)
            return Screen.Fail($"{kernel.Version}: came without modules");
        SweepShard shard = SweepShard.All;
        if (arguments.Value("--shard") is { } part && !SweepShard.TryParse(part, out shard))
            return Screen.Misused($"sweep: --shard takes I/N with I from 1 to N, not {part}");
        if (!TryNumber(arguments, "--jobs", Environment.ProcessorCount, out int jobs)
            || !TryNumber(arguments, "--timeout", DefaultSeconds, out int seconds)
            || !TryNumber(arguments, "--memory-limit", DefaultMebibytes, out int mebibytes))
        {
            return Screen.Misused("sweep: --jobs, --timeout and --memory-limit take a whole number above 0");
        }
        IReadOnlyList<string> modules = SweepSelection.Of(ModuleDirectory.Open(directory), arguments.Values("--modules"), shard);
        if (modules.Count == 0)
            return Screen.Fail($"no module of {kernel.Version} matches");
        string output = arguments.Value("--output") ?? $"sweep-{kernel.Version}";
        Outcome<SweepFolder> opened = SweepFolder.Open(output, kernel.Version, arguments.Has("--resume"), out List<SweepResult> results);
        if (!opened.Succeeded)
            return Screen.Fail(opened.Error);

        // The first boot, if it is still to be made, is made here: its progress is seen, and the processes find its snapshot.
        Outcome<Running.IKernelSession> first = Running.KernelSessions.Start(kernel, Screen.Progress);
        if (!first.Succeeded)
            return Screen.Fail(first.Error);
        first.Value.Dispose();

        using (SweepFolder folder = opened.Value)
        {
            HashSet<string> done = [.. results.Select(result => result.Module)];
            var limits = new SweepLimits(TimeSpan.FromSeconds(seconds), (long)mebibytes << 20);
            var progress = new SweepProgress(modules.Count, done.Count);
            var runner = new SweepRunner(() => new WorkerProcess(WorkerProcess.ProgramFor(kernel), limits), jobs);
            runner.Run([.. modules.Where(module => !done.Contains(module))], result =>
            {
                folder.Add(result);
                results.Add(result);
                progress.Tell(result);
            });
        }
        return Report(arguments, output, new SweepReport(new SweepRecord(kernel.Version, results), expected));
    }

    private static int Merge(Arguments arguments, IReadOnlyDictionary<string, ExpectedOutcome> expected)
    {
        var results = new Dictionary<string, SweepResult>();
        string? kernel = null;
        foreach (string path in arguments.Operands)
        {
            Outcome<SweepRecord> read = SweepFolder.Read(path);
            if (!read.Succeeded)
                return Screen.Fail(read.Error);
            kernel ??= read.Value.Kernel;
            if (read.Value.Kernel != kernel)
                return Screen.Fail($"{path}: a sweep of {read.Value.Kernel} cannot be merged with one of {kernel}");
            foreach (SweepResult result in read.Value.Results)
                results[result.Module] = result;
        }
        if (kernel is null)
            return Screen.Misused("sweep: --merge needs the folders of some sweeps");
        string output = arguments.Value("--output") ?? $"sweep-{kernel}";
        Outcome<SweepFolder> opened = SweepFolder.Open(output, kernel, resume: false, out _);
        if (!opened.Succeeded)
            return Screen.Fail(opened.Error);
        var report = new SweepReport(new SweepRecord(kernel, [.. results.Values]), expected);
        using (SweepFolder folder = opened.Value)
        {
            foreach (SweepResult result in report.Results)
                folder.Add(result);
        }
        return Report(arguments, output, report);
    }

    private static int Report(Arguments arguments, string folder, SweepReport report)
    {
        SweepReportFiles.WriteAll(folder, report);
        if (arguments.Has("--json"))
        {
            using Stream output = Screen.OpenOutput();
            SweepReportFiles.WriteJson(output, report);
        }
        else
        {
            foreach (SweepResult result in report.Results.Where(result => result.NeedsAttention || report.Differences.Contains(result)))
                Screen.Output.WriteLine(result);
            Screen.Output.Write(report.Summary);
        }
        return report.IsGood ? ExitCode.Done : ExitCode.Failed;
    }

    internal static bool TryNumber(Arguments arguments, string option, int usual, out int number)
    {
        number = usual;
        return arguments.Value(option) is not { } text
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0);
    }
}
