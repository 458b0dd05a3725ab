using Lkm.Distribution;
using Lkm.Kernel.Sessions;
using Lkm.Modules;

namespace Lkm.Kernel.Tests;

/// <summary>
/// Debian's other kernels: 11's, 13's, the newest of all, whichever that is, and one with PREEMPT_RT, whose spin locks are mutexes. Boot, log,
/// processes and modules are the same code for all.
/// </summary>
public class OtherKernelsTests
{
    [Fact]
    public void Who_holds_a_lock_that_a_real_time_task_waits_for_is_not_taken_for_one_that_never_sleeps()
    {
        var cache = LkmCache.FromEnvironment();
        var found = new KernelLocator(cache).Locate("debian:6.1-rt").Value!;
        using var session = new KernelSession(
            UserModeKernel.Start(new KernelOptions(found.ImagePath, cache.Root)).Value,
            new Lkm.Modules.ModuleContext(ModuleDirectory.Open(found.ModulesDirectory!), ModprobeConfiguration.Empty));
        Assert.Equal(0, session.Run("modprobe btmtkuart").Status);
        Assert.Equal("0\n", session.Run("dmesg | grep -c 'RT throttling'").Output);
    }

    [Theory]
    [InlineData("debian:5.10")]
    [InlineData("debian:6.1-rt")]
    [InlineData("debian:6.12")]
    [InlineData("debian:sid")]
    public void A_kernel_boots_and_its_own_modules_work_in_it(string kernel)
    {
        var cache = LkmCache.FromEnvironment();
        var found = new KernelLocator(cache).Locate(kernel);
        Assert.True(found.Succeeded, found.Error);
        var started = UserModeKernel.Start(new KernelOptions(found.Value.ImagePath, cache.Root)).Value;
        var context = new Lkm.Modules.ModuleContext(ModuleDirectory.Open(found.Value.ModulesDirectory!), ModprobeConfiguration.Empty);
        using var session = new KernelSession(started, context);

        Assert.StartsWith($"Linux version {found.Value.Version} ", session.Run("cat /proc/version").Output);
        Assert.Equal("0\n", session.Run("cat /proc/sys/kernel/tainted").Output); // nothing of the boot made it warn
        Assert.Equal("AT Translated Set 2 keyboard\n", session.Run("cat /sys/class/input/input0/name").Output);
        var interrupts = session.Run("cat /proc/interrupts").Output;
        Assert.Matches(@"\n +1: +9 +IO-APIC +1-edge +i8042\n", interrupts);
        Assert.Matches(@"\n +9: +0 +IO-APIC +9-fasteoi +acpi\n", interrupts);
        Assert.Contains("rtc_date\t: 2024-01-01\n", session.Run("cat /proc/driver/rtc").Output);
        Assert.Matches(@"^(0x[0-9a-f]{16}-0x[0-9a-f]{16} .*\n)+$", session.Run("cat /proc/vmallocinfo").Output);
        Assert.Equal(0, session.Run("modprobe xt_owner && modprobe -r xt_owner").Status); // has jump labels of keys that are constant
        Assert.Equal(0, session.Run("modprobe brd rd_nr=1 rd_size=1024").Status);
        Assert.Contains("ram0", session.Run("cat /proc/partitions").Output);
        Assert.Equal(0, session.Run("echo -n hello > /dev/ram0").Status);
        Assert.Equal("hello", session.Run("head -c 5 /dev/ram0").Output);
        Assert.Equal(0, session.Run("modprobe ext4").Status);
        Assert.Matches(@"jbd2 +\d+ +1 ext4", session.Run("lsmod").Output);
        Assert.Equal(0, session.Run("modprobe -r ext4").Status);
        Assert.DoesNotContain("jbd2", session.Run("lsmod").Output);
        Assert.Equal(0, session.Run("modprobe -r brd").Status);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }
}
