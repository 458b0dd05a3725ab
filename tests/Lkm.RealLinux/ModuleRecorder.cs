using Lkm.Distribution;
using Lkm.Formats;

namespace Lkm.RealLinux;

/// <summary>Runs modules one after another in one boot of real Linux and notes what each did.</summary>
/// <param name="kernel">The kernel, with its modules.</param>
public sealed class ModuleRecorder(KernelSource kernel)
{
    private const int WholeTreeMegabytes = 2048;
    private const int CommandsPerModule = 3;

    /// <summary>
    /// Removes what a module left behind that nobody uses, so that the next one finds the kernel as after a boot: modprobe -r tries a
    /// dependency once only, when another that uses it may still be there.
    /// </summary>
    private const string CleanUp =
        "for round in 1 2 3 4 5 6 7 8; do unused=$(lsmod | awk 'NR > 1 && $3 == 0 { print $1 }'); [ \"$unused\" ] || break; rmmod $unused; done";

    /// <summary>Runs each module: modprobe, then modprobe -r.</summary>
    /// <param name="modules">Names and parameters; their outcomes are not looked at.</param>
    /// <returns>One outcome for each that the guest survived, in the order given.</returns>
    public Outcome<IReadOnlyList<ModuleOutcome>> Record(IReadOnlyList<ModuleOutcome> modules)
    {
        // The whole tree: what a module asks for by alias when it runs is not in its dependencies.
        var guest = new Guest(kernel) { MemoryMegabytes = WholeTreeMegabytes };
        string folder = kernel.ModulesDirectory!;
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            guest.AddFile($"/lib/modules/{kernel.Version}/{Path.GetRelativePath(folder, file)}", file);

        var commands = new List<string>();
        foreach (ModuleOutcome module in modules)
        {
            commands.Add($"modprobe {module.Module} {module.Parameters}; status=$?; sleep 0.1; exit $status");
            commands.Add($"modprobe -r {module.Module}; status=$?; sleep 0.1; exit $status");
            commands.Add(CleanUp);
        }
        Outcome<IReadOnlyList<GuestResult>> run = guest.Run(commands, TimeSpan.FromSeconds(120 + 3 * modules.Count));
        if (!run.Succeeded)
            return Outcome<IReadOnlyList<ModuleOutcome>>.Failure(run.Error);
        var outcomes = new List<ModuleOutcome>();
        for (int i = 0; CommandsPerModule * (i + 1) <= run.Value.Count; i++)
        {
            GuestResult load = run.Value[CommandsPerModule * i], unload = run.Value[CommandsPerModule * i + 1], rest = run.Value[CommandsPerModule * i + 2];
            if (load.Status is null || unload.Status is null || rest.Status is null)
                break;
            Errno loaded = KmodMessage.ErrnoOf(load);
            outcomes.Add(new ModuleOutcome(modules[i].Module, modules[i].Parameters, loaded, LogOf(load),
                loaded == Errno.OK ? KmodMessage.ErrnoOf(unload) : null, loaded == Errno.OK ? [.. LogOf(unload), .. LogOf(rest)] : []));
        }
        return Outcome<IReadOnlyList<ModuleOutcome>>.Success(outcomes);
    }

    private static List<ExpectedLine> LogOf(GuestResult result) => [.. result.OwnLog.Select(line => new ExpectedLine(line.Level, line.Text))];
}
