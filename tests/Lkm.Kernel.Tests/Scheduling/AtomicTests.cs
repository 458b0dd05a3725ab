using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Scheduling;

/// <summary>What is logged of a task that gives the processor away where it must not: real Linux's lines.</summary>
public sealed class AtomicTests(AtomicModules modules) : IClassFixture<AtomicModules>
{
    [Fact]
    public void Sleeping_under_a_spinlock_is_told_with_modules_and_a_call_trace()
    {
        using var session = BootedKernel.Start();
        var log = Load(session, "spinlock");
        var first = log.FindIndex(line => line.StartsWith("BUG: scheduling while atomic: insmod/", StringComparison.Ordinal));
        Assert.EndsWith("/0x00000002", log[first]);
        Assert.Equal("Modules linked in: atomic(OE+)", log[first + 1]);
        Assert.Matches(@"^CPU: 0 PID: \d+ Comm: insmod Tainted: G           OE      6\.1\.", log[first + 2]);
        Assert.Equal(
            ["dump_stack_lvl", "__schedule_bug.cold", "__schedule", "schedule", "schedule_timeout", "msleep", "atomic_init", "do_one_initcall",
             "do_init_module", "__do_sys_finit_module", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"],
            TraceOf(log.Skip(first)));
        Assert.Contains("initcall atomic_init+0x0/0x1000 [atomic] returned with preemption imbalance ", log);
        Assert.Contains("scheduling while atomic", Assert.Single(session.Findings).Summary);
    }

    [Fact]
    public void Sleeping_as_a_reader_of_rcu_is_warned_of_and_grace_periods_go_on()
    {
        using var session = BootedKernel.Start();
        var log = Load(session, "rcu");
        Assert.Contains("Voluntary context switch within RCU read-side critical section!", log);
        Assert.Equal(["__schedule", "schedule", "schedule_timeout", "msleep", "atomic_init"], TraceOf(log).Take(5));
        Assert.Equal("done", log[^1]);
        Assert.True(session.Unload("atomic").Result.Succeeded);
    }

    /// <summary>The functions of the first call trace that unwinding has found for certain.</summary>
    private static IReadOnlyList<string> TraceOf(IEnumerable<string> log) =>
    [
        .. log.SkipWhile(line => line != " <TASK>").Skip(1).TakeWhile(line => line.StartsWith(' ') && line != " </TASK>")
            .Where(line => !line.StartsWith(" ? ", StringComparison.Ordinal)).Select(line => line.Trim().Split('+')[0]),
    ];

    private List<string> Load(KernelSession session, string holding)
    {
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["atomic"], $"holding={holding}").Result.Succeeded);
        return [.. session.LogSince(start)];
    }
}

/// <summary>The module of these tests.</summary>
public sealed class AtomicModules
{
    /// <summary>Its file.</summary>
    public BuiltModules Files { get; } = new("Scheduling/modules");
}
