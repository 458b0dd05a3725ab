using Lkm.Formats;

namespace Lkm.Kernel.Tests;

/// <summary>The kernel's own modules at work: what a user of the running kernel sees.</summary>
public class RunningModulesTests
{
    [Fact]
    public void A_ram_disk_is_a_block_device_that_keeps_what_is_written()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Probe("brd", "rd_nr=1 rd_size=1024").Succeeded);
        Assert.Contains("ram0", session.Run("cat /proc/partitions").Output);
        Assert.Equal(0, session.Run("echo -n hello > /dev/ram0").Status);
        Assert.Equal("hello", session.Run("head -c 5 /dev/ram0").Output);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_warm_start_with_a_module_that_comes_and_goes_reads_no_type_information()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(BootedKernel.ModuleFile("dummy"), "").Result.Succeeded);
        Assert.True(session.Unload("dummy").Result.Succeeded);
        session.CheckForLeaks();
        Assert.False(session.Kernel.HasReadTypes);
    }

    [Fact]
    public void A_device_mapper_table_made_by_the_shell_shows_a_part_of_a_disk()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Probe("brd", "rd_nr=1 rd_size=1024").Succeeded);
        Assert.True(session.Probe("dm-mod").Succeeded);
        Assert.Equal(0, session.Run("dmsetup create swapped --table '0 8 linear /dev/ram0 8'").Status);
        Assert.Equal(0, session.Run("echo -n second > /dev/mapper/swapped && sync").Status);
        Assert.Equal("second", session.Run("dd if=/dev/ram0 bs=512 skip=8 count=1 2> /dev/null | head -c 6").Output);
        Assert.Equal(0, session.Run("dmsetup remove swapped").Status);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Ext4_is_there_once_it_is_loaded_and_gone_once_it_is_unloaded()
    {
        using var session = BootedKernel.Start();
        Assert.DoesNotContain("ext4", session.Run("cat /proc/filesystems").Output);
        Assert.True(session.Probe("ext4").Succeeded);
        Assert.Contains("\text4\n", session.Run("cat /proc/filesystems").Output);
        Assert.True(session.Unload("ext4").Result.Succeeded);
        Assert.DoesNotContain("\text4\n", session.Run("cat /proc/filesystems").Output);
    }

    [Fact]
    public void A_module_that_another_uses_is_listed_as_used_and_cannot_be_unloaded()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Probe("ext4").Succeeded);
        Assert.Contains("jbd2", session.Run("lsmod").Output);
        Assert.Matches(@"jbd2 +\d+ +1 ext4", session.Run("lsmod").Output);
        Assert.Equal(Errno.EAGAIN, session.Unload("jbd2").Result.Errno);
        Assert.True(session.Unload("ext4").Result.Succeeded);
        Assert.True(session.Unload("jbd2").Result.Succeeded);
    }

    [Fact]
    public void A_module_is_loaded_on_demand_when_its_file_system_is_mounted()
    {
        using var session = BootedKernel.Start();
        Assert.DoesNotContain("minix", session.Run("cat /proc/modules").Output);
        session.Run("mount -t minix none /mnt");
        Assert.Contains("minix", session.Run("cat /proc/modules").Output);
    }

    [Fact]
    public void A_network_interface_made_by_its_type_loads_its_driver_and_takes_an_address()
    {
        using var session = BootedKernel.Start();
        Assert.Contains("inet 127.0.0.1/8 scope host lo", session.Run("ip addr show lo").Output);
        Assert.Equal(0, session.Run("ip link add dum0 type dummy").Status);
        Assert.Contains("dummy", session.Run("cat /proc/modules").Output);
        Assert.Equal(0, session.Run("ip addr add 10.1.2.3/24 dev dum0 && ip link set dum0 up mtu 1400").Status);
        var shown = session.Run("ip addr show dum0").Output;
        Assert.Contains("dum0: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1400 qdisc noqueue qlen 1000\n    link/ether ", shown);
        Assert.Contains("    inet 10.1.2.3/24 scope global dum0\n", shown);
        Assert.Equal(0, session.Run("ping -c 1 10.1.2.3").Status);
        Assert.Equal(("ip: RTNETLINK answers: File exists\n", 1), session.Run("ip addr add 10.1.2.3/24 dev dum0"));
        Assert.Equal(0, session.Run("ip link del dum0").Status);
        Assert.Equal(("ip: can't find device 'dum0'\n", 1), session.Run("ip link show dum0"));
    }

    [Fact]
    public void Two_runs_of_the_same_module_give_the_same_log_at_the_same_virtual_times()
    {
        Assert.Equal(LogOfRun(), LogOfRun());

        static IReadOnlyList<string> LogOfRun()
        {
            using var session = BootedKernel.Start();
            var before = session.Kernel.Log.Next;
            session.Probe("brd");
            session.Unload("brd");
            return [.. session.Kernel.Log.Since(before).Select(record => record.Format())];
        }
    }
}
