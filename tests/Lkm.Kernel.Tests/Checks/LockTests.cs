using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Checks;

/// <summary>Locks that can deadlock are told of on the day when they do not; locks that cannot, are not.</summary>
public sealed class LockTests(SanitizerModules modules) : IClassFixture<SanitizerModules>
{
    [Theory]
    [InlineData("order", "the mutex one+0x0/", "with the mutex two+0x0/", "the other way round at take+0x")]
    [InlineData("circle", "the mutex one+0x0/", "with the mutex three+0x0/", "in a circle at take+0x")]
    [InlineData("semaphore", "the rw_semaphore semaphore+0x0/", "with the mutex one+0x0/", "the other way round at locks_init+0x")]
    [InlineData("object", "the mutex one+0x0/", "with the mutex at kmalloc-", "the other way round at take+0x")]
    [InlineData("spinlocks", "the spinlock spin+0x0/", "with the rwlock shared+0x0/", "the other way round at locks_init+0x")]
    [InlineData("later-writer", "the rw_semaphore semaphore+0x0/", "with the mutex one+0x0/", "the other way round at locks_init+0x")]
    [InlineData("work", "the work work+0x0/", "with the mutex one+0x0/", "the other way round at on_work+0x")]
    [InlineData("work-queue", "the workqueue at kmalloc-", "with the mutex one+0x0/", "the other way round at on_work+0x")]
    [InlineData("gate-once", "the mutex two+0x0/", "with the mutex one+0x0/", "the other way round at take+0x")]
    public void Orders_that_can_deadlock_are_told_of(string how, string taken, string held, string other)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(Load(session, how));
        var finding = Assert.Single(session.Findings);
        Assert.Equal("warning", finding.Kind);
        Assert.StartsWith(taken, finding.Summary);
        Assert.Contains(held, finding.Summary);
        Assert.Contains(other, finding.Summary);
        Assert.Contains("WARNING: possible circular locking dependency detected", session.LogSince(start));
    }

    [Theory]
    [InlineData("timer", "the spinlock spin+0x0/")]
    [InlineData("timer-writer", "the rwlock shared+0x0/")]
    public void A_lock_that_a_timer_may_want_from_who_it_interrupts_is_told_of(string how, string name)
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, how));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith(name, summary);
        Assert.Contains("is taken in a soft interrupt at on_timer+0x", summary);
        Assert.Contains("and at locks_init+0x", summary);
    }

    [Fact]
    public void A_lock_that_who_is_interrupted_has_and_who_the_timer_waits_for_wants_is_told_of()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(Load(session, "way-writer"));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith("the rwlock shared+0x0/", summary);
        Assert.Contains("with soft interrupts on", summary);
        Assert.Contains("with the spinlock spin+0x0/", summary);
        Assert.Contains("which a soft interrupt takes at on_timer+0x", summary);
        Assert.Contains("WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", session.LogSince(start));
    }

    [Theory]
    [InlineData("not-mine", "but keeper/")]
    [InlineData("not-taken", "but nobody has it")]
    public void A_mutex_that_who_does_not_have_it_gives_back_is_told_of(string how, string who)
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, how));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith("the mutex one+0x0/", summary);
        Assert.Contains("is given back at locks_init+0x", summary);
        Assert.Contains(who, summary);
    }

    [Fact]
    public void Where_an_init_function_took_a_lock_is_told_when_that_function_is_gone()
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, "kept"));
        Assert.Contains(", taken at locks_init+0x", Assert.Single(session.Findings).Summary);
    }

    [Fact]
    public void A_mutex_that_is_taken_twice_is_no_order_too()
    {
        using var session = BootedKernel.Start();
        session.Load(modules.Files["locks"], "how=twice-between");
        Assert.Single(session.Findings, finding => finding.Kind == "warning");
    }

    [Fact]
    public void A_task_that_ends_with_a_mutex_is_told_of()
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, "ended"));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith("holder/", summary);
        Assert.Contains("ended with the mutex one+0x0/", summary);
    }

    [Fact]
    public void A_mutex_that_is_taken_twice_is_told_of()
    {
        using var session = BootedKernel.Start();
        session.Load(modules.Files["locks"], "how=twice");
        Assert.Contains(session.Findings, finding => finding.Summary.StartsWith("the mutex one+0x0/", StringComparison.Ordinal)
            && finding.Summary.Contains("by the task that has it already, since locks_init+0x", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("twice", ", in locks_init+0x", "which it has itself")]
    [InlineData("taken", ", in take+0x", "which keeper (pid ", " has since hold_long+0x")]
    public void Who_waits_for_a_lock_is_told_with_the_lock_and_who_has_it(string how, params string[] parts)
    {
        using var session = BootedKernel.Start();
        session.Load(modules.Files["locks"], $"how={how}");
        var summary = session.Findings.First(finding => finding.Summary.StartsWith("insmod (pid ", StringComparison.Ordinal)).Summary;
        Assert.Contains(", for the mutex one+0x0/", summary);
        Assert.All(parts, part => Assert.Contains(part, summary));
    }

    [Theory]
    [InlineData("same-order")]
    [InlineData("gate")]
    [InlineData("try")]
    [InlineData("readers")]
    [InlineData("freed")]
    [InlineData("timer-bh")]
    [InlineData("timer-readers")]
    [InlineData("handed-on")]
    [InlineData("way-readers")]
    [InlineData("way-gate")]
    [InlineData("work-other")]
    [InlineData("work-try")]
    public void What_cannot_deadlock_is_no_finding(string how)
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, how));
        Assert.True(session.Unload("locks").Result.Succeeded);
        Assert.Empty(session.Findings);
    }

    private bool Load(KernelSession session, string how) => session.Load(modules.Files["locks"], $"how={how}").Result.Succeeded;
}
