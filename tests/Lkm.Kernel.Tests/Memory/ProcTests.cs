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
}

/// <summary>The modules of these tests.</summary>
public sealed class MemoryModules
{
    /// <summary>Their files.</summary>
    public BuiltModules Files { get; } = new("Memory/modules");
}
