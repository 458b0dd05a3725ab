namespace Lkm.Kernel.Tests.Memory;

/// <summary>What happens when all memory is taken: what real Linux does, by its own page allocator and OOM killer.</summary>
public sealed class ShortageTests(MemoryModules modules) : IClassFixture<MemoryModules>
{
    private const ulong Small = 128UL << 20;
    private const uint Kernel = 0xcc0, Atomic = 0xa20, NoWait = 0x800, NoRetry = 0x10000, NoWarn = 0x2000, RetryMayFail = 0x4000; // GFP_*, __GFP_*

    [Theory]
    [InlineData("pages", Kernel, "insmod invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0", "shortage_init")]
    [InlineData("bulk", Kernel, "insmod invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0", "__alloc_pages_bulk")]
    [InlineData("kmalloc", Kernel, "insmod invoked oom-killer: gfp_mask=0x40cc0(GFP_KERNEL|__GFP_COMP), order=0, oom_score_adj=0", "__kmem_cache_alloc_node")]
    [InlineData("cache", Kernel, "insmod invoked oom-killer: gfp_mask=0x40cc0(GFP_KERNEL|__GFP_COMP), order=0, oom_score_adj=0", "___slab_alloc")]
    [InlineData("vmalloc", Kernel, "insmod invoked oom-killer: gfp_mask=0x2cc2(GFP_KERNEL|__GFP_HIGHMEM|__GFP_NOWARN), order=0, oom_score_adj=0", "__vmalloc_node_range")]
    [InlineData("percpu", Kernel, "insmod invoked oom-killer: gfp_mask=0xcc2(GFP_KERNEL|__GFP_HIGHMEM), order=0, oom_score_adj=0", "pcpu_populate_chunk")]
    public void Who_may_wait_for_memory_is_killed_when_there_is_none(string how, uint gfp, string expected, string caller)
    {
        using var session = BootedKernel.Start(Small);
        var free = FreePages(session);
        var start = session.Kernel.Log.Next;
        var result = session.Load(modules.Files["shortage"], $"how={how} gfp={gfp}").Result;
        Assert.False(result.Succeeded);
        Assert.Contains("insmod was killed: out of memory", result.Explanation);
        var log = session.LogSince(start);
        Assert.Contains(expected, log);
        Assert.Contains(log, line => line.StartsWith($" {caller}+0x", StringComparison.Ordinal));
        Assert.Contains(log, line => line.StartsWith("Out of memory: Killed process ", StringComparison.Ordinal));
        Assert.Contains(log, line => line.StartsWith("took ", StringComparison.Ordinal));
        Assert.Equal("shortage\n", session.Run("awk '{ print $1 }' /proc/modules").Output); // init has returned, and what it took is free again
        AssertAllWorks(session, free);
    }

    [Theory]
    [InlineData("pages", Atomic, 0, "insmod: page allocation failure: order:0, mode:0xa20(GFP_ATOMIC), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("pages", NoWait, 0, "insmod: page allocation failure: order:0, mode:0x800(GFP_NOWAIT), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("pages", Kernel, 10, "insmod: page allocation failure: order:10, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("pages", Kernel | NoRetry, 3, "insmod: page allocation failure: order:3, mode:0x10cc0(GFP_KERNEL|__GFP_NORETRY), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("kmalloc", Kernel, 8, "insmod: page allocation failure: order:8, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("kmalloc", Atomic, 0, "  cache: kmalloc-4k, object size: 4096, buffer size: 4096, default order: 3, min order: 0")]
    [InlineData("cache", Kernel | RetryMayFail, 0, "SLUB: Unable to allocate memory on node -1, gfp=0x4cc0(GFP_KERNEL|__GFP_RETRY_MAYFAIL)")]
    [InlineData("percpu", Kernel | NoRetry, 0, "percpu: allocation failed, size=4096 align=8 atomic=0, failed to populate")]
    [InlineData("pages", Atomic | NoWarn, 0, null)]
    [InlineData("bulk", Atomic, 0, "insmod: page allocation failure: order:0, mode:0xa20(GFP_ATOMIC), nodemask=(null),cpuset=/,mems_allowed=0")]
    [InlineData("pages", Kernel | NoRetry | NoWarn, 0, null)]
    [InlineData("pool", Atomic | NoWarn, 0, null)]
    public void Who_may_not_wait_or_asks_for_much_gets_none(string how, uint gfp, int order, string? expected)
    {
        using var session = BootedKernel.Start(Small);
        var free = FreePages(session);
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["shortage"], $"how={how} gfp={gfp} order={order}").Result.Succeeded);
        var log = session.LogSince(start);
        Assert.DoesNotContain(log, line => line.Contains("oom-killer", StringComparison.Ordinal));
        if (expected is not null)
            Assert.Single(log, line => line == expected);
        else
            Assert.DoesNotContain(log, line => line.Contains("page allocation failure", StringComparison.Ordinal));
        AssertAllWorks(session, free);
        Assert.Empty(session.Findings);
    }

    /// <summary>On Linux pages of kmalloc(4096) take nearly all that is free; red zones must not take most of it.</summary>
    [Fact]
    public void Objects_have_most_of_the_memory()
    {
        using var session = BootedKernel.Start(Small);
        var free = FreePages(session);
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["shortage"], $"how=kmalloc gfp={Atomic | NoWarn}").Result.Succeeded);
        var taken = long.Parse(session.LogSince(start).Single(line => line.StartsWith("took ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(taken, free * 3 / 4, free);
        AssertAllWorks(session, free);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Without_an_older_process_to_kill_the_new_one_is_killed()
    {
        using var session = BootedKernel.Start(Small);
        Assert.False(session.Load(modules.Files["shortage"], "keep=1").Result.Succeeded);
        var start = session.Kernel.Log.Next;
        Assert.NotEqual(0, session.Run("lsmod").Status);
        Assert.Contains(session.LogSince(start), line => line.StartsWith("Out of memory: Killed process ", StringComparison.Ordinal));
    }

    private static void AssertAllWorks(Sessions.KernelSession session, long free)
    {
        Assert.True(session.Unload("shortage").Result.Succeeded);
        Assert.True(session.Probe("ext4").Succeeded);
        Assert.True(session.Unload("ext4").Result.Succeeded);
        Assert.True(FreePages(session) > free - 2000, $"{free} pages were free before, {FreePages(session)} now");
    }

    private static long FreePages(Sessions.KernelSession session) =>
        long.Parse(session.Run("awk '/MemFree/ { print $2 }' /proc/meminfo").Output, System.Globalization.CultureInfo.InvariantCulture) / 4;
}
