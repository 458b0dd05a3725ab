using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Tests.Memory;

/// <summary>What /proc tells of what a module has taken: real Linux's lines.</summary>
public sealed class ProcTests(MemoryModules modules) : IClassFixture<MemoryModules>
{
    [Fact]
    public void Caches_are_shown_as_Linux_lays_them_out_and_merges_them()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["caches"], "").Result.Succeeded);
        Assert.Equal("sizes 104 1024", session.LogSince(start)[^1]);
        Assert.Equal(
            """
            thing_checked          0      0    128   32    1 : tunables    0    0    0 : slabdata      0      0      0
            thing_built           32     32    128   32    1 : tunables    0    0    0 : slabdata      1      1      0
            thing                  0      0    104   39    1 : tunables    0    0    0 : slabdata      0      0      0

            """, session.Run("grep ^thing /proc/slabinfo").Output);
        Assert.Equal(":0001024\n", session.Run("readlink /sys/kernel/slab/thing_odd").Output);
        Assert.Matches(@"\nkmalloc-128 +\d+ +\d+    128   32    1 :.*\nkmalloc-96 +\d+ +\d+     96   42    1 :", session.Run("cat /proc/slabinfo").Output);
        Assert.True(session.Unload("caches").Result.Succeeded);
        Assert.Equal("", session.Run("grep ^thing /proc/slabinfo").Output);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Ports_memory_and_module_space_are_shown_with_who_has_them()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["caches"], "").Result.Succeeded);
        Assert.Contains("0300-030f : things\n", session.Run("cat /proc/ioports").Output);
        Assert.Contains("000d0000-000d00ff : things\n", session.Run("cat /proc/iomem").Output);
        Assert.Matches(@" load_module\+0x\w+/0x\w+ pages=\d+ vmalloc N0=\d+\n", session.Run("cat /proc/vmallocinfo").Output);
    }

    /// <summary>What memory acquisition modules do; KASAN would not let it pass in silence either.</summary>
    [Fact]
    public void All_RAM_that_iomem_tells_of_can_be_read_and_free_pages_are_reported_once()
    {
        using var session = BootedKernel.Start();
        Assert.StartsWith("00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n0009fc00-0009ffff : Reserved\n", session.Run("cat /proc/iomem").Output);
        Assert.True(session.Load(modules.Files["ramdump"], "").Result.Succeeded);
        Assert.Equal("1\n", session.Run("dmesg | grep -c 'ramdump: read all of [0-9]* ranges'").Output);
        Assert.Equal(MemoryErrorKind.UseAfterFree, Assert.Single(session.Kernel.Faults.Reports).Kind);
    }

    [Fact]
    public void The_kernel_itself_is_shown_where_it_lies_and_what_caches_are_made_of()
    {
        using var session = BootedKernel.Start();
        var image = session.Kernel.Image;
        var lines = session.Run("grep -A4 '^3.* : System RAM' /proc/iomem").Output.Split('\n');
        Assert.Equal([Line("code", "_text", "_etext"), Line("rodata", "__start_rodata", "__end_rodata"), Line("data", "_sdata", "_edata"), Line("bss", "__bss_start", "__bss_stop")],
            lines[^5..^1]);
        Assert.Matches(@"^kmem_cache_node +(\d+) +\1     64   64    1 : .*\nkmem_cache +\d+ +\d+    256   16    1 : .*\n$", session.Run("tail -n 2 /proc/slabinfo").Output);
        Assert.Equal("64\n", session.Run("cat /sys/kernel/slab/kmem_cache_node/object_size").Output);

        string Line(string part, string start, string end) =>
            $"  {image.Symbol(start) - Boot.AddressSpace.PageOffset:x}-{image.Symbol(end) - Boot.AddressSpace.PageOffset - 1:x} : Kernel {part}";
    }

    [Theory]
    [InlineData("kmalloc", "page allocation failure: order:10, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)", "warn_alloc", "used up")]
    [InlineData("vmalloc", "vmalloc error: size 1099511627776, exceeds total pages, mode:0xcc0(GFP_KERNEL), nodemask=(null)", "warn_alloc", "refused")]
    [InlineData("order", "WARNING: CPU: 0 PID: ", "__get_free_pages", "refused")]
    [InlineData("huge", "WARNING: CPU: 0 PID: ", "__kmalloc_large_node", "refused")]
    public void What_there_is_not_is_refused_and_the_log_says_so(string how, string expected, string caller, string outcome)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["exhaust"], $"how={how}").Result.Succeeded);
        var log = session.LogSince(start);
        Assert.Single(log, line => line.Contains(expected, StringComparison.Ordinal));
        Assert.Single(log, line => line.StartsWith($" {caller}+0x", StringComparison.Ordinal));
        Assert.Equal(expected.StartsWith("WARNING", StringComparison.Ordinal) ? 0 : 1, log.Count(line => line == "Mem-Info:"));
        Assert.Equal(outcome, log[^1]);
        Assert.True(session.Unload("exhaust").Result.Succeeded);
        session.CheckForLeaks();
        Assert.All(session.Findings, finding => Assert.Equal("warning", finding.Kind)); // of an order that no allocator has
    }
}

/// <summary>The modules of these tests.</summary>
public sealed class MemoryModules
{
    /// <summary>Their files.</summary>
    public BuiltModules Files { get; } = new("Memory/modules");
}
