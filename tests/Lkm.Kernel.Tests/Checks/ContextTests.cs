using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Checks;

/// <summary>What harms only on the day that it happens to sleep, and what Linux's own checks say without ending anybody.</summary>
public sealed class ContextTests(SanitizerModules modules) : IClassFixture<SanitizerModules>
{
    [Theory]
    [InlineData("mutex", "mutex_lock+0x", "take_mutex+0x", "with preemption off")]
    [InlineData("kmalloc", "kmalloc", "allocate+0x", "with preemption off")]
    [InlineData("irq", "mutex_lock+0x", "take_mutex+0x", "with interrupts off")]
    [InlineData("msleep-irq", "__schedule+0x", "context_init+0x", "with interrupts off")]
    [InlineData("rcu", "synchronize_rcu+0x", "context_init+0x", "in an RCU read-side section")]
    [InlineData("vfree", "vfree+0x", "context_init+0x", "with preemption off")]
    [InlineData("timer", "kmalloc", "allocate+0x", "in a soft interrupt")]
    public void A_call_of_what_may_sleep_where_nothing_may_is_told_of_even_if_it_does_not_sleep(string how, string function, string caller, string why)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(Load(session, how));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith(function, summary);
        Assert.Contains($"and {caller}", summary);
        Assert.Contains(why, summary);
        Assert.Contains(session.LogSince(start), line => line.StartsWith($"BUG: sleeping function called from invalid context at {function}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("atomic")]
    [InlineData("own")]
    public void What_cannot_sleep_and_what_a_module_warns_of_itself_are_no_findings(string how)
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, how));
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_spinlock_taken_twice_is_told_of_at_once_and_Linuxs_watchdog_tells_as_well()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.False(Load(session, "twice"));
        Assert.Contains(session.Findings, finding => finding.Summary.Contains(" waits for the lock lock+0x0/", StringComparison.Ordinal));
        Assert.Contains(session.LogSince(start), line => line.StartsWith("watchdog: BUG: soft lockup - CPU#0 stuck for ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_spinlock_taken_twice_with_interrupts_off_stops_the_kernel_which_says_why()
    {
        using var session = BootedKernel.Start();
        Assert.False(Load(session, "twice-irq"));
        Assert.Contains(session.Findings, finding => finding.Kind == Finding.Stopped && finding.Summary.Contains("waits with interrupts off for the lock lock+0x0/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("refcount", "refcount_t: addition on 0; use-after-free. (lib/refcount.c:25 refcount_warn_saturate+0x")]
    [InlineData("preempt", "initcall context_init+0x0/")]
    public void What_the_kernel_warns_of_is_a_finding_with_its_words_and_place(string how, string summary)
    {
        using var session = BootedKernel.Start();
        Assert.True(Load(session, how));
        var finding = Assert.Single(session.Findings);
        Assert.Equal("warning", finding.Kind);
        Assert.StartsWith(summary, finding.Summary);
    }

    [Fact]
    public void An_access_of_a_freed_vmalloc_area_is_reported_and_faults_as_nothing_is_mapped_there()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.False(Load(session, "area"));
        Assert.Equal(["vmalloc-out-of-bounds", "oops"], session.Findings.Select(finding => finding.Kind));
        Assert.Contains(session.LogSince(start), line => line.StartsWith("BUG: unable to handle page fault for address: ", StringComparison.Ordinal));
    }

    private bool Load(KernelSession session, string how) => session.Load(modules.Files["context"], $"how={how}").Result.Succeeded;
}
