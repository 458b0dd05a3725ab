using System.Globalization;
using System.Text;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Kernel;
using Lkm.Kernel.Probes;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm probe</c>: watches functions of a fresh kernel while a module is loaded and commands run.</summary>
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
            return too. MODULE:FUNCTION is a function of the module that --module loads.
            """,
        Options =
        [
            KernelOption.Option,
            new("--module", "MODULE", "load this: a .ko file, a folder, or the name of one of the kernel's modules"),
            new("--do", "LINE", "run a line of the kernel's shell; may be repeated"),
            new("--count", "N", "report N events of each probe; count the others"),
            new("--stack", null, "report the callers as well"),
        ],
        Examples =
        [
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

    private static int Watch(
        UserModeKernel kernel, LocalKernelSession session, List<ProbeExpression> expressions, IReadOnlyList<PlannedModule> modules,
        IReadOnlyList<string> commands, long limit, bool withStack)
    {
        var probes = new List<HostProbe>();
        kernel.Probes.Hit = hit => Print(hit, limit);
        kernel.Probes.Stack = withStack ? kernel.BackTrace : null;
        if (Add(kernel, expressions.Where(e => e.Module is null), probes) is { } failure)
            return Screen.Fail(failure);
        foreach (PlannedModule module in modules)
        {
            StepResult loaded = session.Load(module.Path, module.Parameters);
            if (!loaded.Succeeded && module.IsRequired)
                return Screen.Fail($"{module.Name}: cannot load: {loaded.Explanation ?? loaded.Errno.Message()}");
        }

        if (Add(kernel, expressions.Where(e => e.Module is not null), probes) is { } missing)
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
        kernel.Probes.Hit = null;
        foreach (HostProbe probe in probes)
            Screen.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Name(probe)}: {probe.Hits} calls"));
        return status;
    }

    private static string? Add(UserModeKernel kernel, IEnumerable<ProbeExpression> expressions, List<HostProbe> probes)
    {
        foreach (ProbeExpression expression in expressions)
        {
            if (!kernel.Probes.Add(expression).TryGet(out HostProbe? probe, out FormatError? error))
                return error.Reason;
            probes.Add(probe);
        }

        return null;
    }

    private static string Name(HostProbe probe) =>
        probe.Expression.Module is { } module ? $"{module}:{probe.Expression.Function}" : probe.Expression.Function;

    /// <summary>One line: <c>[    2.171901] insmod/63 kmalloc_trace(size=64)</c>, and for a return <c>... -> 0xffff... (1200 ns)</c>.</summary>
    private static void Print(ProbeEvent hit, long limit)
    {
        if (hit.Probe.Hits > limit)
            return;
        var line = new StringBuilder();
        long microseconds = hit.Nanoseconds / 1000;
        line.Append(CultureInfo.InvariantCulture, $"[{microseconds / 1_000_000,5}.{microseconds % 1_000_000:d6}] {hit.Comm}/{hit.Pid} {Name(hit.Probe)}");
        if (hit.IsReturn)
            line.Append(CultureInfo.InvariantCulture, $" -> {hit.Fields[0].Value} ({hit.CalledFor} ns)");
        else
            line.Append('(').AppendJoin(", ", hit.Fields.Select(field => $"{field.Label}={field.Value}")).Append(')');
        Screen.Output.WriteLine(line.ToString());
        if (!hit.IsReturn)
        {
            foreach (string caller in hit.Stack)
                Screen.Output.WriteLine($"        {caller}");
        }
    }
}
