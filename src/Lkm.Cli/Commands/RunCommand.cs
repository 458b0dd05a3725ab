using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm run</c>: a fresh kernel, a module in and out again.</summary>
internal static class RunCommand
{
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
            AllocationTrials.Option,
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
        if (!AllocationTrials.TryRead(arguments, out int? failing))
            return Screen.Misused($"run: {AllocationTrials.Option.Name} takes a number from 1, or \"each\"");
        if (MemorySize.Read(arguments.Value(MemorySize.Option.Name), out ulong? memory) is { } wrong)
            return Screen.Misused($"run: {wrong}");
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        Outcome<IReadOnlyList<PlannedModule>> plan = Plan(kernel.Value, module, arguments.OperandsBehind(1));
        if (!plan.Succeeded)
            return Screen.Fail(plan.Error);
        if (failing == AllocationTrials.Each)
            return AllocationTrials.Run(number => ModuleRunner.RunFresh(kernel.Value, plan.Value, arguments.Values("--do"), Screen.Progress, memory, number), arguments.Has("--json"));
        Outcome<IKernelSession> started = KernelSessions.Start(kernel.Value, memory, Screen.Progress);
        if (!started.Succeeded)
            return Screen.Fail(started.Error);
        using IKernelSession session = started.Value;

        bool json = arguments.Has("--json");
        var report = new RunReport { Kernel = kernel.Value.Version, Trace = arguments.Has("--trace") ? [] : null };
        var runner = json
            ? new ModuleRunner(session, report) { FailingAllocation = failing }
            : new ModuleRunner(session, report)
            {
                FailingAllocation = failing,
                Logged = message => Screen.Output.Write(LogFormat.Format(message)),
                Traced = step => Screen.Output.WriteLine(step.Format()),
                Executed = result => Screen.Output.Write(result.Output),
            };
        runner.Run(plan.Value, arguments.Values("--do"), arguments.Has("--keep"));
        if (failing is not null)
            report.Failure = AllocationTrials.TellOf(report.Allocations) ?? report.Failure;
        if (json)
        {
            using Stream output = Screen.OpenOutput();
            RunReportJson.Write(output, report);
        }
        return report.Failure is null ? ExitCode.Done : Screen.Fail(report.Failure);
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
