using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.RealLinux;

namespace Lkm.Cli.Comparing;

/// <summary>A run in real Linux: the same steps with kmod's tools, each in a machine that goes on from the kernel's snapshot.</summary>
/// <param name="snapshot">The booted kernel.</param>
/// <param name="limit">What each step may take.</param>
internal sealed class RealSide(GuestSnapshot snapshot, TimeSpan limit)
{
    /// <summary>Work that a module queued has its turn before the log is looked at.</summary>
    private const string Settle = "status=$?; sleep 0.1; exit $status";

    /// <summary>
    /// Unloads what nobody uses any more, as lkm does with all that it loaded: modprobe -r tries a dependency once only, when another that uses
    /// it may still be there.
    /// </summary>
    /// <param name="which">An expression of awk's for those that may go.</param>
    private static string CleanUp(string which) =>
        $"while unused=$(lsmod | awk 'NR > 1 && $3 == 0 && {which} {{ print $1 }}'); [ \"$unused\" ] && [ \"$unused\" != \"$before\" ]; do before=$unused; rmmod $unused; done";

    /// <summary>The modules of a plan. What was loaded on demand stays, on both sides.</summary>
    private static string CleanUp(IReadOnlyList<PlannedModule> plan) =>
        CleanUp($"index(\" {string.Join(' ', plan.Select(module => module.Name.Replace('-', '_')))} \", \" \" $1 \" \")");

    /// <summary>A machine in which nothing was run yet.</summary>
    public Outcome<GuestMachine> Start() => snapshot.Start();

    /// <summary>Takes out what a module that could not be loaded has brought with it, as lkm does.</summary>
    public List<LogLine> TakeOutRest(GuestMachine machine) => machine.IsAlive ? LogOf(machine.Run($"{CleanUp("1")}; {Settle}", limit)) : [];

    /// <summary>Whether the machine can be taken for a fresh one: no module is there, and none has left a taint.</summary>
    public bool IsAsNew(GuestMachine machine) => machine.IsAlive && machine.Run("[ ! -s /proc/modules ]", limit) is { Status: 0, Taint: 0 };

    /// <summary>Loads, runs the commands, unloads, in a machine of its own.</summary>
    public Outcome<SideRun> Run(IReadOnlyList<PlannedModule> plan, IReadOnlyList<string> commands)
    {
        Outcome<GuestMachine> started = Start();
        if (!started.Succeeded)
            return Outcome<SideRun>.Failure(started.Error);
        using GuestMachine machine = started.Value;
        return Run(machine, plan, commands);
    }

    /// <summary>Loads, runs the commands, unloads.</summary>
    public Outcome<SideRun> Run(GuestMachine machine, IReadOnlyList<PlannedModule> plan, IReadOnlyList<string> commands)
    {
        var modules = new List<RealModule>();
        foreach (PlannedModule module in plan)
        {
            // modprobe loads what a module of the kernel's needs by itself; what a file needs is loaded for it.
            if (module.IsProbed && !module.IsAsked && plan.Any(other => other.IsAsked && other.IsProbed))
                continue;
            string path = $"/run/{Path.GetFileName(module.Path)}";
            if (!module.IsProbed && machine.Send(path, File.ReadAllBytes(module.Path)) is { } error)
                return Outcome<SideRun>.Failure(error);
            modules.Add(module.IsProbed
                ? new RealModule($"modprobe {module.Name} {Quote(module.Parameters)}", $"modprobe -r {module.Name}", module.IsRequired, module.IsAsked)
                : new RealModule($"insmod {path} {Quote(module.Parameters)}", $"rmmod {module.Name}", module.IsRequired, module.IsAsked));
        }
        foreach (string path in ModulesIn(commands))
        {
            machine.Run($"mkdir -p /{Path.GetDirectoryName(path)}", limit);
            if (machine.Send(path.StartsWith('/') ? path : $"/{path}", File.ReadAllBytes(path)) is { } error)
                return Outcome<SideRun>.Failure(error);
        }

        return Run(machine, modules, CleanUp(plan), commands);
    }

    /// <summary>Modules of this machine that commands load: in lkm's shell, insmod takes them from here.</summary>
    private static IEnumerable<string> ModulesIn(IReadOnlyList<string> commands) => commands
        .SelectMany(line => line.Split((char[])[' ', '\t', ';', '&', '|', '(', ')', '\'', '"'], StringSplitOptions.RemoveEmptyEntries))
        .Where(word => word.EndsWith(".ko", StringComparison.Ordinal) && File.Exists(word)).Distinct();

    private sealed record RealModule(string Load, string Unload, bool IsRequired, bool IsAsked);

    /// <summary>Words that a shell hands on as they are.</summary>
    internal static string Quote(string words) =>
        string.Join(' ', words.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => $"'{word.Replace("'", @"'\''")}'"));

    private SideRun Run(GuestMachine machine, List<RealModule> modules, string cleanUp, IReadOnlyList<string> commands)
    {
        // A soft dependency may fail to load, and one that is not asked for to unload: something else may use it.
        GuestCommand[] asked =
        [
            .. modules.Select(module => new GuestCommand($"{module.Load}; {Settle}", module.IsRequired)),
            .. commands.Select(line => new GuestCommand(line)),
            .. modules.AsEnumerable().Reverse().Select(module => new GuestCommand($"{module.Unload}; {Settle}", module.IsAsked)),
            new GuestCommand($"{cleanUp}; {Settle}"),
        ];
        IReadOnlyList<GuestResult> results = machine.IsAlive ? machine.Run(asked, limit) : [];
        ulong taint = results.LastOrDefault(result => result.Status is not null)?.Taint ?? 0;
        int next = 0;
        var steps = new List<SideStep> { Together(modules.Count) };
        if (steps[0].Outcome != SideStep.Ok)
            return new SideRun(steps, taint);
        foreach (string line in commands)
        {
            GuestResult result = Next();
            steps.Add(new SideStep(result.Status is { } status ? LkmSide.CommandOutcome(status) : Ended(result), ShellMessages.OfReal(result.Output), LogOf(result)));
        }

        SideStep unload = Together(modules.Count);
        steps.Add(unload.Outcome == SideStep.Ok ? unload with { Log = [.. unload.Log, .. LogOf(Next())] } : unload);
        return new SideRun(steps, taint);

        // Where there is no result the machine has died before.
        GuestResult Next() => next++ is var i && i < results.Count ? results[i] : new GuestResult(asked[i].Text, null, "", [], taint);

        SideStep Together(int count)
        {
            var log = new List<LogLine>();
            for (; count > 0; count--)
            {
                bool isRequired = asked[next].IsRequired;
                GuestResult result = Next();
                log.AddRange(LogOf(result));
                if (isRequired && result.Status != 0)
                    return new SideStep(OutcomeOf(result), [], log);
            }

            return new SideStep(SideStep.Ok, [], log);
        }
    }

    private string OutcomeOf(GuestResult result) =>
        result.Status is null or GuestProtocol.TimedOut ? Ended(result) : KmodMessage.ErrnoOf(result).Name();

    private string Ended(GuestResult result) => result.Status is null ? "stopped: the machine died or did not answer" : $"timed out after {limit.TotalSeconds:0} s";

    private static List<LogLine> LogOf(GuestResult result) => [.. result.OwnLog.Select(line => new LogLine(line.Level, line.Text))];
}
