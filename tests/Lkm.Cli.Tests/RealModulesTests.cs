using System.Text.RegularExpressions;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Formats;
using Lkm.RealLinux;

namespace Lkm.Cli.Tests;

/// <summary>Debian's own modules, unmodified: loaded and unloaded with the log that real Linux writes (real-modules.txt).</summary>
public partial class RealModulesTests
{
    [Fact]
    public void The_modules_of_the_table_do_what_they_do_on_real_Linux()
    {
        Outcome<KernelSource> kernel = new KernelLocator(LkmCache.FromEnvironment()).Locate();
        Assert.True(kernel.Succeeded, kernel.Error);
        IReadOnlyList<ModuleOutcome> table = ModuleTable.Read(File.ReadLines(Path.Combine(AppContext.BaseDirectory, "real-modules.txt")));
        Assert.True(table.Count >= 50, $"the table has {table.Count} modules");
        var differences = new List<string>();
        foreach (ModuleOutcome expected in table)
        {
            RunReport report = Run(kernel.Value, expected);
            ModuleOutcome actual = Normal(RecordedOutcome.Of(expected, report));
            if (!actual.SameAs(Normal(expected)) || report.Findings.Count != 0)
                differences.Add(ModuleTable.Write("expected, then what lkm did", [Normal(expected), actual]) + string.Join('\n', report.Findings));
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {table.Count} modules differ:\n{string.Join('\n', differences)}");
    }

    private static RunReport Run(KernelSource kernel, ModuleOutcome module)
    {
        Outcome<IKernelSession> started = KernelSessions.Start(kernel, (_, _) => { });
        Assert.True(started.Succeeded, started.Error);
        using IKernelSession session = started.Value!;
        Outcome<IReadOnlyList<PlannedModule>> plan = RunPlan.Make(kernel, [module.Module], module.Parameters);
        Assert.True(plan.Succeeded, plan.Error);
        var report = new RunReport { Kernel = kernel.Version };
        new ModuleRunner(session, report).Run(plan.Value!, [], keep: false);
        return report;
    }

    /// <summary>
    /// Addresses differ from one machine to the next. And modprobe finds a module in use before it asks the kernel, which says EAGAIN
    /// (EWOULDBLOCK); the table has EBUSY for modprobe's message.
    /// </summary>
    private static ModuleOutcome Normal(ModuleOutcome outcome) => outcome with
    {
        LoadLog = Normal(outcome.LoadLog),
        Unload = outcome.Unload == Errno.EAGAIN ? Errno.EBUSY : outcome.Unload,
        UnloadLog = Normal(outcome.UnloadLog),
    };

    private static List<ExpectedLine> Normal(IReadOnlyList<ExpectedLine> lines) =>
        [.. lines.Select(line => line with { Text = Address().Replace(line.Text.TrimEnd(), "ADDRESS") })];

    [GeneratedRegex("(0x)?[0-9a-f]{12,16}")]
    private static partial Regex Address();
}
