using System.Globalization;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Kernel.Sanitizer;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm run</c>: a fresh kernel, a module in and out again.</summary>
internal static class RunCommand
{
    private static CommandOption FailAllocation { get; } =
        new("--fail-allocation", "N|each", "let the module's Nth allocation fail; or each in turn, and tell which of them it does not survive");

    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "run",
        Operands = "MODULE [PARAM=VALUE ...]",
        Summary = "Load a module into a fresh kernel, run commands, unload it, and report",
        Details = """
            MODULE is a .ko file, the name of one of the kernel's modules, or a folder with a Makefile for kbuild, which is built when a source
            is newer. What the module depends on is loaded before it. Between the steps a third of a second of the kernel's time passes, as
            programs take on a machine to start. Standard output is the kernel's log and what the commands print. The exit code is 1 when
            loading, a command or unloading failed, or when the module broke a rule: an oops, a memory error, a leak.
            """,
        Options =
        [
            KernelOption.Option,
            new("--do", "LINE", "run a line of the kernel's shell while the module is loaded; may be repeated"),
            new("--keep", null, "do not unload"),
            MemorySize.Option,
            FailAllocation,
            new("--trace", null, "print each step of loading and unloading"),
            new("--json", null, "print one JSON document instead"),
        ],
        Examples =
        [
            "lkm run samples/hello whom=Tux",
            "lkm run brd rd_nr=1 --do 'cat /proc/partitions'",
            "lkm run ext4 --kernel debian:6.1-cloud --json",
            "lkm run samples/allocations --fail-allocation each",
        ],
        LeastOperands = 1,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        string module = arguments.Operands[0];
        string? failing = arguments.Value(FailAllocation.Name);
        int number = 0;
        if (failing is not (null or "each") && !(int.TryParse(failing, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0))
            return Screen.Misused($"run: {FailAllocation.Name} {failing}: takes a number from 1, or \"each\"");
        if (MemorySize.Read(arguments.Value(MemorySize.Option.Name), out ulong? memory) is { } wrong)
            return Screen.Misused($"run: {wrong}");
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        Outcome<IReadOnlyList<PlannedModule>> plan = Plan(kernel.Value, module, arguments.OperandsBehind(1));
        if (!plan.Succeeded)
            return Screen.Fail(plan.Error);
        if (failing == "each")
            return FailEach(arguments, new TrialRunner(kernel.Value, memory, plan.Value, arguments.Values("--do")));
        Outcome<IKernelSession> started = KernelSessions.Start(kernel.Value, memory, Screen.Progress);
        if (!started.Succeeded)
            return Screen.Fail(started.Error);
        using IKernelSession session = started.Value;

        bool json = arguments.Has("--json");
        var report = new RunReport { Kernel = kernel.Value.Version, Trace = arguments.Has("--trace") ? [] : null };
        int? counted = number > 0 ? number : null;
        var runner = json
            ? new ModuleRunner(session, report) { FailingAllocation = counted }
            : new ModuleRunner(session, report)
            {
                FailingAllocation = counted,
                Logged = message => Screen.Output.Write(LogFormat.Format(message)),
                Traced = step => Screen.Output.WriteLine(step.Format()),
                Executed = result => Screen.Output.Write(result.Output),
            };
        runner.Run(plan.Value, arguments.Values("--do"), arguments.Has("--keep"));
        if (json)
        {
            using Stream output = Screen.OpenOutput();
            RunReportJson.Write(output, report);
        }
        if (number > 0 && report.Allocations?.Failed is not { } failed)
            return Screen.Fail($"there are only {report.Allocations?.Allocations.Count ?? 0} allocations to fail");
        if (number > 0)
            Screen.Notice($"allocation {number} has failed: {AllocationTrial.Describe(report.Allocations!.Failed!)}");
        return report.Failure is null ? ExitCode.Done : Screen.Fail(report.Failure);
    }

    /// <summary>Lets one allocation after the other fail, in a fresh kernel each.</summary>
    private static int FailEach(Arguments arguments, TrialRunner runner)
    {
        Outcome<RunReport> counted = runner.Run(0);
        if (!counted.Succeeded)
            return Screen.Fail(counted.Error);
        if (counted.Value.Failure is { } before)
            return Screen.Fail($"with all of its memory: {before}");
        IReadOnlyList<ModuleAllocation> allocations = counted.Value.Allocations?.Allocations ?? [];
        IReadOnlyList<int> numbers = AllocationTrial.Choose(allocations);
        string step = $"{Wording.Count(allocations.Count, "allocation")}, of which {numbers.Count} fail in turn: the first and the last of each call chain";
        Screen.Progress(step, "0 have failed");
        bool json = arguments.Has("--json");
        var trials = new List<AllocationTrial>();
        foreach (int number in numbers)
        {
            Outcome<RunReport> report = runner.Run(number);
            if (!report.Succeeded)
                return Screen.Fail(report.Error);
            var trial = new AllocationTrial(number, allocations[number - 1], report.Value);
            trials.Add(trial);
            Screen.Progress(step, trials.Count == numbers.Count ? null : $"{trials.Count} have failed");
        }
        if (json)
        {
            using Stream output = Screen.OpenOutput();
            RunReportJson.Write(output, allocations.Count, trials);
        }
        else
        {
            foreach (IGrouping<string, AllocationTrial> same in trials.GroupBy(trial => $"{AllocationTrial.PlaceOf(trial.Allocation)}: {trial.Text}"))
                Screen.Output.WriteLine($"{same.First().Number,6} {(same.Count() > 1 ? $"and {same.Count() - 1} more" : ""),-13} {same.Key}");
        }
        int broken = trials.Count(trial => trial.BrokeARule);
        return broken == 0
            ? ExitCode.Done
            : Screen.Fail($"{broken} of {trials.Count} broke a rule; for the log of one: --fail-allocation {trials.First(trial => trial.BrokeARule).Number}");
    }

    /// <summary>What to load, in order, for a module that is a file, a folder or a name.</summary>
    internal static Outcome<IReadOnlyList<PlannedModule>> Plan(KernelSource kernel, string module, string parameters)
    {
        Outcome<IReadOnlyList<string>> modules = ModulesOf(module, kernel);
        return modules.Succeeded
            ? RunPlan.Make(kernel, modules.Value, parameters)
            : Outcome<IReadOnlyList<PlannedModule>>.Failure(modules.Error);
    }

    /// <summary>A folder stands for the modules that kbuild makes in it.</summary>
    private static Outcome<IReadOnlyList<string>> ModulesOf(string module, KernelSource kernel)
    {
        if (Directory.Exists(module))
            return BuildCommand.Build(module, kernel, always: false);
        return RunPlan.IsPath(module) && !File.Exists(module)
            ? Outcome<IReadOnlyList<string>>.Failure($"{module}: no such file; name a .ko, a folder with a Makefile, or one of the kernel's modules")
            : Outcome<IReadOnlyList<string>>.Success([module]);
    }
}
