namespace Lkm.Kernel.Tests.Scheduling;

/// <summary>Policies that a module chooses are kept and decide who runs; irq_work comes at once. The lines are real Linux's (`lkm compare`).</summary>
public sealed class PolicyTests(AtomicModules modules) : IClassFixture<AtomicModules>
{
    [Fact]
    public void A_real_time_thread_runs_before_one_that_was_woken_first() =>
        Assert.Equal(
            ["nice -5 policy 0", "urgent: policy 1 rt_priority 50 prio 49", "ordinary: policy 0 rt_priority 0 prio 120"],
            LinesOf("policy", "nice", "urgent", "ordinary"));

    [Fact]
    public void Work_for_an_interrupt_is_done_as_soon_as_interrupts_are_on() =>
        Assert.Equal(
            ["work: in_hardirq 1 irqs_disabled 1", "first queued", "second queued", "work: in_hardirq 1 irqs_disabled 1", "done"],
            LinesOf("soon", "work", "first", "second", "done"));

    private List<string> LinesOf(string module, params string[] beginnings)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files[module], "").Result.Succeeded);
        Assert.True(session.Unload(module).Result.Succeeded);
        Assert.Empty(session.Findings);
        return [.. session.LogSince(start).Where(line => beginnings.Any(beginning => line.StartsWith(beginning, StringComparison.Ordinal)))];
    }
}
