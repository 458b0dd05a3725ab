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
        Assert.Contains("scheduling while atomic", session.Findings[0].Summary);
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

    [Fact]
    public void An_interrupt_that_sleeps_on_the_idle_task_is_told_of_and_goes_on_when_another_comes()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["asleep"], "ticking=1").Result.Succeeded);
        session.LetPass(500);
        var log = session.LogSince(start).ToList();
        Assert.Contains("BUG: scheduling while atomic: swapper/0/0/0x00000102", log);
        var bad = log.IndexOf("bad: scheduling from the idle thread!");
        Assert.Equal(["dump_stack_lvl", "dequeue_task_idle", "__schedule", "schedule", "schedule_timeout", "msleep"], TraceOf(log.Skip(bad), " <IRQ>").Take(6));
        Assert.True(log.IndexOf("after") > bad);
        Assert.True(session.Unload("asleep").Result.Succeeded);
    }

    [Fact]
    public void An_interrupt_that_sleeps_for_ever_stops_the_kernel_which_says_why()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["asleep"], "where=hrtimer ticking=1").Result.Succeeded); // no timer's interrupt comes in a timer's
        session.LetPass(500);
        Assert.Contains("BUG: scheduling while atomic: swapper/0/0/0x00010002", session.LogSince(start));
        Assert.Contains(session.Findings, finding => finding.Summary.Contains("sleeps in an interrupt, and nothing will wake it", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tasklet_that_sleeps_on_a_thread_is_told_of_and_goes_on()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["asleep"], "where=tasklet").Result.Succeeded);
        session.LetPass(500);
        var log = session.LogSince(start);
        Assert.Contains("BUG: scheduling while atomic: ksoftirqd/0/14/0x00000101", log);
        Assert.Contains(log, line => line.StartsWith("softirq: huh, entered softirq 6 TASKLET ", StringComparison.Ordinal));
        Assert.True(session.Unload("asleep").Result.Succeeded);
    }

    /// <summary>The functions of the first call trace that unwinding has found for certain.</summary>
    private static IReadOnlyList<string> TraceOf(IEnumerable<string> log, string stack = " <TASK>") =>
    [
        .. log.SkipWhile(line => line != stack).Skip(1).TakeWhile(line => line.StartsWith(' ') && line != " </TASK>")
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
