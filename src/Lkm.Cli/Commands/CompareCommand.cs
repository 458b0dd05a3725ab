using System.Globalization;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Comparing;
using Lkm.Cli.Running;
using Lkm.Cli.Sweeping;
using Lkm.Distribution;
using Lkm.Kernel;
using Lkm.Modules;
using Lkm.RealLinux;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm compare</c>: the same on real Linux under QEMU and in lkm, side by side.</summary>
internal static class CompareCommand
{
    private const int DefaultSeconds = 120, DefaultMebibytes = 3072, PlainWidth = 140;

    /// <summary>As diff ends when it cannot compare; 1 says that there are differences.</summary>
    private const int CouldNotRun = ExitCode.Misused;

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "compare",
        Operands = "[MODULE ... [PARAM=VALUE ...]]",
        Summary = "Run modules on real Linux under QEMU and in lkm, and show both side by side",
        Details = """
            MODULE is what `lkm run` takes. Both kernels load it, run the commands, and unload it; shown are the errno of each step, what the kernel
            logged and what the commands printed, and the taint, with a mark between what differs. Addresses, times, speeds, process ids and, in
            the kernel's reports, registers do not count. Real Linux is the kernel's own image with busybox and kmod of this machine, booted once
            by QEMU (with KVM where that can be used), kept in the cache, and continued from there afresh for each run; no root is needed, but
            the packages qemu-system-x86, busybox-static and kmod are.
            Several modules, --modules or --sample, make a sweep on both sides: modprobe and modprobe -r of each, in a fresh kernel each (real Linux
            goes on in one that a module has left as it was, and is asked again in a fresh one about what differs). The results lie in a folder,
            as those of `lkm sweep` do, with real-linux-outcomes.json for its --expected, and logs.txt.
            The exit code is 0 when all is the same, 1 when something differs, 2 when it could not be run.
            """,
        Options =
        [
            KernelOption.Option,
            new("--do", "LINE", "run a line of the shell on both sides while the module is loaded; may be repeated"),
            new("--modules", "PATTERN", "all of the kernel's modules whose names match; may be repeated"),
            new("--sample", "N", "N of the kernel's modules, chosen at random"),
            new("--seed", "S", "which N those are (default 1)"),
            new("--output", "DIR", "the folder for the results of many modules (default compare-VERSION)"),
            new("--resume", null, "go on with what is in that folder"),
            new("--jobs", "J", "how many run in lkm at once, beside one in real Linux (default: one for each processor)"),
            new("--timeout", "SECONDS", $"what each step may take (default {DefaultSeconds})"),
            new("--json", null, "print one JSON document instead"),
        ],
        Examples =
        [
            "lkm compare samples/hello whom=Tux",
            "lkm compare brd rd_nr=1 --do 'cat /proc/partitions'",
            "lkm compare --kernel debian:6.12 --sample 200 --seed 1",
        ],
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        if (!SweepCommand.TryNumber(arguments, "--sample", 0, out int sample)
            || !SweepCommand.TryNumber(arguments, "--seed", 1, out int seed)
            || !SweepCommand.TryNumber(arguments, "--jobs", Environment.ProcessorCount, out int jobs)
            || !SweepCommand.TryNumber(arguments, "--timeout", DefaultSeconds, out int seconds))
        {
            return Screen.Misused("compare: --sample, --seed, --jobs and --timeout take a whole number above 0");
        }
        string[] modules = [.. arguments.Operands.TakeWhile(IsModule)];
        string[] parameters = [.. arguments.Operands.Skip(modules.Length)];
        bool isSweep = modules.Length > 1 || sample > 0 || arguments.Has("--modules");
        if (modules.Length == 0 && !isSweep)
            return Screen.Misused("compare: needs a MODULE, --modules PATTERN or --sample N; see lkm compare --help");
        if (parameters.FirstOrDefault(IsModule) is { } late)
            return Screen.Misused($"compare: {late}: modules come before parameters (NAME=VALUE)");
        if (isSweep && (parameters.Length > 0 || arguments.Has("--do")))
            return Screen.Misused("compare: parameters and --do are for one module");
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Trouble(kernel.Error);
        var limit = TimeSpan.FromSeconds(seconds);
        return isSweep
            ? Sweep(arguments, kernel.Value, modules, sample, seed, jobs, limit)
            : One(arguments, kernel.Value, modules[0], string.Join(' ', parameters), limit);
    }

    /// <summary>A parameter's value may be a path (<c>dump=/tmp/log</c>), its name is none.</summary>
    private static bool IsModule(string word) => !word.Contains('=') || word[..word.IndexOf('=')].Contains('/') || File.Exists(word) || Directory.Exists(word);

    private static int One(Arguments arguments, KernelSource kernel, string module, string parameters, TimeSpan limit)
    {
        Preparation.Begin();
        Outcome<IReadOnlyList<PlannedModule>> plan = RunCommand.Plan(kernel, module, parameters);
        if (!plan.Succeeded)
            return Trouble(plan.Error);
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(kernel, LkmCache.FromEnvironment(), Screen.Notice);
        if (!snapshot.Succeeded)
            return Trouble(snapshot.Error);
        List<string> commands = arguments.Values("--do");
        Screen.Notice($"running {module} on real Linux and in lkm");
        // Both at once: real Linux is a process of its own.
        Task<Outcome<SideRun>> real = Task.Run(() => new RealSide(snapshot.Value, limit).Run(plan.Value, commands));
        Outcome<SideRun> lkm = LkmSide.Run(kernel, plan.Value, commands, limit, Screen.Progress);
        if (!lkm.Succeeded || !real.Result.Succeeded)
            return Trouble(lkm.Error ?? real.Result.Error!);

        string title = string.Join(' ', (string[])[module, .. parameters.Length > 0 ? [parameters] : (string[])[]]);
        var comparison = Comparison.Of(title, kernel.Version, ["load", .. commands.Select(line => $"$ {line}"), "unload"], real.Result.Value!, lkm.Value);
        if (arguments.Has("--json"))
        {
            using Stream output = Screen.OpenOutput();
            ComparisonJson.Write(output, comparison);
        }
        else
        {
            bool terminal = !Console.IsOutputRedirected;
            bool colour = terminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
            Screen.Output.Write(new ComparisonTable(terminal ? Console.WindowWidth : PlainWidth, colour).Format(comparison, Qemu.Accelerator));
        }
        return comparison.Differences.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static int Sweep(Arguments arguments, KernelSource kernel, string[] named, int sample, int seed, int jobs, TimeSpan limit)
    {
        if (kernel.ModulesDirectory is not { } directory)
            return Trouble($"{kernel.Version}: came without modules");
        if (named.FirstOrDefault(RunPlan.IsSpelledAsPath) is { } file)
            return Screen.Misused($"compare: {file}: several modules are compared by name, of the kernel's own tree");
        IReadOnlyList<string> modules = SweepSelection.Of(ModuleDirectory.Open(directory), [.. named, .. arguments.Values("--modules")], SweepShard.All);
        if (named.Select(name => ModuleName.Normalize(name)).Except(modules).FirstOrDefault() is { } unknown)
            return Trouble($"{unknown}: no such module in {directory}");
        if (sample > 0)
            modules = SweepSelection.Sample(modules, sample, seed);
        if (modules.Count == 0)
            return Trouble($"no module of {kernel.Version} matches");
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(kernel, LkmCache.FromEnvironment(), Screen.Notice);
        if (!snapshot.Succeeded)
            return Trouble(snapshot.Error);
        Outcome<IKernelSession> first = KernelSessions.Start(kernel, Screen.Progress);
        if (!first.Succeeded)
            return Trouble(first.Error);
        first.Value.Dispose();

        string output = arguments.Value("--output") ?? $"compare-{kernel.Version}";
        bool resume = arguments.Has("--resume");
        Outcome<SweepFolder> lkmFolder = SweepFolder.Open(output, kernel.Version, resume, out List<SweepResult> lkmResults, retry: true);
        if (!lkmFolder.Succeeded)
            return Trouble(lkmFolder.Error);
        using SweepFolder lkm = lkmFolder.Value;
        Outcome<SweepFolder> realFolder = SweepFolder.Open(Path.Combine(output, "real-linux"), kernel.Version, resume, out List<SweepResult> realResults, retry: true);
        if (!realFolder.Succeeded)
            return Trouble(realFolder.Error);
        using SweepFolder real = realFolder.Value;
        var wanted = modules.ToHashSet();
        realResults.RemoveAll(result => !wanted.Contains(result.Module));
        lkmResults.RemoveAll(result => !wanted.Contains(result.Module));
        Screen.Notice($"running {Wording.Count(modules.Count, "module")} on real Linux under QEMU ({Qemu.Accelerator}) and in lkm");

        using var sweep = new RealSweep(new RealSide(snapshot.Value, limit));
        var realThread = new Thread(() =>
        {
            var progress = new SweepProgress(modules.Count, realResults.Count, $"real Linux: ");
            foreach (string module in Missing(modules, realResults))
            {
                SweepResult result = sweep.Run(module);
                real.Add(result);
                realResults.Add(result);
                progress.Tell(result);
            }
        });
        realThread.Start();
        var lkmProgress = new SweepProgress(modules.Count, lkmResults.Count, "lkm: ");
        var limits = new SweepLimits(limit, (long)DefaultMebibytes << 20);
        new SweepRunner(() => new WorkerProcess(WorkerProcess.ProgramFor(kernel), limits), jobs).Run(Missing(modules, lkmResults), result =>
        {
            lkm.Add(result);
            lkmResults.Add(result);
            lkmProgress.Tell(result);
        });
        realThread.Join();
        string[] different = [.. Compared().Different];
        if (different.Length > 0)
            Screen.Notice($"asking real Linux again, in a fresh machine each, about {Wording.Count(different.Length, "module")} that differed");
        foreach (string module in different)
        {
            SweepResult result = sweep.RunAfresh(module);
            real.Add(result);
            realResults[realResults.FindIndex(other => other.Module == module)] = result;
        }
        return Report(arguments, output, Compared());

        ComparedSweep Compared() => new(new SweepRecord(kernel.Version, realResults), new SweepRecord(kernel.Version, lkmResults));
    }

    private static string[] Missing(IEnumerable<string> modules, IEnumerable<SweepResult> done) =>
        [.. modules.Except(done.Select(result => result.Module))];

    private static int Report(Arguments arguments, string folder, ComparedSweep sweep)
    {
        SweepReportFiles.WriteAll(folder, sweep.Report);
        File.AppendAllText(Path.Combine(folder, "compatibility.md"), $"\nBeyond the outcome: {sweep.LogSummary}.\n");
        ExpectedOutcomes.Write(Path.Combine(folder, "real-linux-outcomes.json"), sweep.Report.Expected);
        File.WriteAllText(Path.Combine(folder, "logs.txt"), sweep.FormatLogs(PlainWidth));
        if (arguments.Has("--json"))
        {
            using Stream output = Screen.OpenOutput();
            SweepReportFiles.WriteJson(output, sweep.Report);
        }
        else
        {
            int width = sweep.Report.Differences.Select(result => result.Module.Length).DefaultIfEmpty().Max();
            foreach (SweepResult result in sweep.Report.Differences)
            {
                Screen.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{result.Module.PadRight(width)}  {sweep.Report.Expected[result.Module],-24} | {result.Answer,-24} {result.Why}"));
            }
            Screen.Output.Write(sweep.Summary);
        }
        return sweep.Report.Differences.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static int Trouble(string message)
    {
        Screen.Fail(message);
        return CouldNotRun;
    }
}
