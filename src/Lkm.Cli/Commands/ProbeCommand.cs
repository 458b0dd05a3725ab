using System.Globalization;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel;
using Lkm.Kernel.Probes;

namespace Lkm.Cli.Commands;

/// <summary>
/// <c>lkm probe</c>: watches functions of a kernel that stays, until it is interrupted or commands have run; or of a fresh kernel while a module
/// is loaded and commands run.
/// </summary>
internal static class ProbeCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "probe",
        Operands = "PROBE ...",
        Summary = "Watch functions of the kernel and of modules: arguments, results, callers",
        Details = """
            A PROBE is a function, with what to report in parentheses: names of arguments, $arg1 to $arg6, or registers, with LABEL= before
            them. Without parentheses all arguments are reported, with the types that the kernel's BTF gives them. `-> $ret` reports the
            return too. MODULE:FUNCTION is a function of a module.

            The kernel is the one that `lkm boot` started, and Ctrl-C ends the watching. With --module, --kernel or --do, and without --name, it is a
            fresh one, which the module is loaded into and the lines run in.
            """,
        Options =
        [
            NameOption.Option,
            KernelOption.Option,
            new("--module", "MODULE", "load this: a .ko file, a folder, or the name of one of the kernel's modules"),
            new("--do", "LINE", "run a line of the kernel's shell; may be repeated"),
            new("--count", "N", "report N events of each probe; count the others"),
            new("--stack", null, "report the callers as well"),
        ],
        Examples =
        [
            "lkm probe hello:hello_ioctl --stack",
            "lkm probe 'kmalloc_trace(size=%rdx) -> $ret' --module samples/memory --count 5",
            "lkm probe 'vfs_read -> $ret' --do 'cat /proc/version'",
            "lkm probe pipe:pipe_write --module samples/pipe --do 'echo hello > /dev/samplepipe0'",
        ],
        LeastOperands = 1,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        var expressions = new List<ProbeExpression>();
        foreach (string text in arguments.Operands)
        {
            if (!ProbeExpression.Parse(text).TryGet(out ProbeExpression? expression, out FormatError? error))
                return Screen.Fail(error.ToString());
            expressions.Add(expression);
        }

        long limit = long.MaxValue;
        if (arguments.Value("--count") is { } count && (!long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit < 0))
            return Screen.Fail($"--count {count}: a number is needed");
        bool isFresh = arguments.Has("--module") || arguments.Has(KernelOption.Option.Name);
        if (arguments.Value(NameOption.Option.Name) is { } name)
        {
            return isFresh
                ? Screen.Misused("probe: --name is a kernel that runs already; load modules into it with \"lkm insmod\"")
                : ResidentCommands.Run(name, Words(arguments));
        }
        if (!isFresh && !arguments.Has("--do"))
            return ResidentCommands.Run(null, Words(arguments));
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        Outcome<IReadOnlyList<PlannedModule>> plan = arguments.Value("--module") is { } module
            ? RunCommand.Plan(kernel.Value, module, "")
            : Outcome<IReadOnlyList<PlannedModule>>.Success([]);
        if (!plan.Succeeded)
            return Screen.Fail(plan.Error);
        Outcome<UserModeKernel> started = KernelSessions.StartKernel(kernel.Value, null, Screen.Progress);
        if (!started.Succeeded)
            return Screen.Fail(started.Error);
        using var session = new LocalKernelSession(new Lkm.Kernel.Sessions.KernelSession(started.Value, KernelSessions.ModulesOf(kernel.Value)));
        return Watch(started.Value, session, expressions, plan.Value, arguments.Values("--do"), limit, arguments.Has("--stack"));
    }

    /// <summary>The words of the daemon's command.</summary>
    private static List<string> Words(Arguments arguments)
    {
        List<string> words = ["probe"];
        foreach ((string option, string? value) in arguments.Options)
        {
            if (option == NameOption.Option.Name)
                continue;
            words.Add(option);
            if (value is not null)
                words.Add(value);
        }
        words.AddRange(arguments.Operands);
        return words;
    }

    private static int Watch(
        UserModeKernel kernel, LocalKernelSession session, List<ProbeExpression> expressions, IReadOnlyList<PlannedModule> modules,
        IReadOnlyList<string> commands, long limit, bool withStack)
    {
        var probes = new List<HostProbe>();
        if (Add(expressions.Where(e => e.Module is null)) is { } failure)
            return Screen.Fail(failure);
        foreach (PlannedModule module in modules)
        {
            StepResult loaded = session.Load(module.Path, module.Parameters);
            if (!loaded.Succeeded && module.IsRequired)
                return Screen.Fail($"{module.Name}: cannot load: {loaded.Explanation ?? loaded.Errno.Message()}");
        }

        if (Add(expressions.Where(e => e.Module is not null)) is { } missing)
            return Screen.Fail(missing);
        int status = ExitCode.Done;
        foreach (string line in commands)
        {
            CommandResult result = session.Execute(line);
            Screen.Output.Write(result.Output);
            if (result.Status != 0)
                status = Screen.Fail($"--do '{line}' ended with status {result.Status}");
        }

        for (int i = modules.Count - 1; i >= 0; i--)
            session.Unload(modules[i].Name);
        foreach (HostProbe probe in probes)
            Screen.Output.Write(ProbeText.Summary(probe));
        return status;

        string? Add(IEnumerable<ProbeExpression> wanted)
        {
            foreach (ProbeExpression expression in wanted)
            {
                if (!kernel.Probes.Add(expression, Print, withStack).TryGet(out HostProbe? probe, out FormatError? error))
                    return error.Reason;
                probes.Add(probe);
            }
            return null;
        }

        void Print(ProbeEvent hit)
        {
            if (hit.Probe.Hits <= limit)
                Screen.Output.Write(ProbeText.Format(hit));
        }
    }
}
