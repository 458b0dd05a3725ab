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

    [Fact]
    public void Who_has_had_less_of_the_processor_goes_on_after_schedule() =>
        Assert.Equal(["turns: the other had had some, and none between"], LinesOf("turns", "turns: the"));

    [Fact]
    public void Of_two_woken_together_the_first_has_had_more_and_goes_on_after_the_second() =>
        Assert.Equal(["woken: 0", "woken: 1", "woken: 0", "woken: 1", "woken: 0", "woken: 1"], LinesOf("together", "woken"));

    [Fact]
    public void Who_is_woken_first_runs_first_though_it_has_had_a_little_more_and_yield_passes_over_who_has_had_much() =>
        Assert.Equal(["woken: 0", "woken: 0", "woken: 1", "yielded: none between"], LinesOf("buddy", "woken", "yielded"));

    [Theory]
    [InlineData("yields=1")]
    [InlineData("yields=0")]
    public void A_thread_that_never_sleeps_keeps_nobody_from_going_on(string parameters)
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["busy"], parameters).Result.Succeeded);
        Assert.NotEqual("0\n", session.Run("cat /sys/module/busy/parameters/rounds").Output);
        Assert.True(session.Unload("busy").Result.Succeeded);
        Assert.Empty(session.Findings);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("offers=1", 0)]
    public void Who_keeps_the_processor_for_long_is_named_by_the_watchdog(string parameters, int reports)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["hog"], parameters).Result.Succeeded);
        var log = session.LogSince(start);
        Assert.Equal(reports, log.Count(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^watchdog: BUG: soft lockup - CPU#0 stuck for 2\ds! \[insmod:\d+\]$")));
        Assert.Equal(reports, log.Count(line => line.StartsWith(" hog_init+0x", StringComparison.Ordinal)));
        Assert.Equal(reports, session.Findings.Count);
        const int softLockup = 14; // TAINT_SOFTLOCKUP
        Assert.Equal(reports, (int)(session.Taint >> softLockup & 1));
    }

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
