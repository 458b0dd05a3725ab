using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Checks;

/// <summary>What a module leaves registered, armed or running when it goes.</summary>
public sealed class RemnantTests(SanitizerModules modules) : IClassFixture<SanitizerModules>
{
    [Theory]
    [InlineData("timer", "late_timer [leaves]", "timer_bases+0x")]
    [InlineData("work", "late_work [leaves]", "timer_bases+0x")]
    [InlineData("thread", "on_thread [leaves]", "set_kthread_struct+0x")]
    [InlineData("notifier", "reboot_block [leaves]", "fw_shutdown_nb+0x")]
    [InlineData("proc", "show [leaves]", "__proc_create+0x")]
    [InlineData("device", "device [leaves]", "misc_list+0x")]
    public void What_is_not_taken_back_is_named_with_what_still_points_to_it(string what, string symbol, string holder)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["leaves"], $"what={what}").Result.Succeeded);
        Assert.True(session.Unload("leaves").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Contains(session.Findings, finding => finding.Kind == "left behind" && finding.Summary.StartsWith($"{symbol} was not taken back before unloading: ", StringComparison.Ordinal));
        Assert.Contains(session.LogSince(start), line => line.Contains(holder, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("timer")]
    [InlineData("work")]
    [InlineData("thread")]
    [InlineData("notifier")]
    [InlineData("proc")]
    [InlineData("device")]
    public void What_is_taken_back_is_not_told_of(string what)
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["leaves"], $"what={what} takes_back=1").Result.Succeeded);
        Assert.True(session.Unload("leaves").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_file_of_proc_that_somebody_looked_at_is_not_told_of_when_it_is_removed()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["leaves"], "what=proc takes_back=1").Result.Succeeded);
        session.Run("ls -l /proc/leaves; cat /proc/leaves");
        Assert.True(session.Unload("leaves").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_return_probe_that_a_task_still_sleeps_under_is_not_told_of_when_it_is_taken_back()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["leaves"], "what=probe takes_back=1").Result.Succeeded);
        Assert.True(session.Unload("leaves").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_module_that_hides_itself_is_not_gone()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["leaves"], "what=hidden").Result.Succeeded);
        Assert.False(session.Unload("leaves").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    /// <summary>Ways to neighbours in the loader's own tree, the interrupts' stack, and who had a DMA channel.</summary>
    [Theory]
    [InlineData("hidp")]
    [InlineData("speakup_apollo")]
    [InlineData("floppy")]
    public void What_Linux_itself_never_clears_accuses_nobody(string module)
    {
        using var session = BootedKernel.Start();
        session.Run($"modprobe {module} && modprobe -r {module}"); // there is no drive for floppy
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void What_Linux_keeps_of_a_module_only_by_name_is_not_told_of()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["leaves"], "what=none").Result.Succeeded);
        Assert.Equal(0, session.Run("cat /sys/module/leaves/initstate /sys/module/leaves/refcnt").Status); // names in sysfs are remembered
        Assert.True(session.Unload("leaves").Result.Succeeded);
        Assert.True(session.Probe("can").Succeeded); // leaves a timer that was deleted in struct net
        Assert.True(session.Unload("can").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_module_whose_init_function_fails_half_way_is_told_what_it_has_left_registered()
    {
        using var session = BootedKernel.Start();
        Assert.False(session.Load(modules.Files["leaves"], "what=device result=-12").Result.Succeeded);
        session.CheckForLeaks();
        Assert.StartsWith("device [leaves] was not taken back", Assert.Single(session.Findings).Summary);
    }
}

/// <summary>The modules of these tests.</summary>
public sealed class SanitizerModules
{
    /// <summary>Their files.</summary>
    public BuiltModules Files { get; } = new("Checks/modules");
}
