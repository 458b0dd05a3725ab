namespace Lkm.Samples.Tests;

/// <summary>samples/device-mapper: a target in a module, under tables that the shell's dmsetup makes.</summary>
public sealed class DeviceMapperTests
{
    [Fact]
    public void A_target_of_a_module_is_used_by_tables_and_held_by_them()
    {
        using var samples = new BuiltSamples(["device-mapper"]);
        using var session = samples.StartKernel();
        Assert.Equal(0, Run("modprobe dm-mod; modprobe brd rd_nr=1; insmod dm_rot13.ko").Status);
        Assert.Equal(0, Run("dmsetup create turned --table '0 64 rot13 /dev/ram0 8'").Status);
        Assert.Equal(0, Run("echo Hello World > /tmp/f; dd if=/tmp/f of=/dev/mapper/turned bs=512 conv=sync,fsync status=none").Status);
        Assert.Equal("Uryyb Jbeyq", Assert.Single(Run("dd if=/dev/ram0 bs=512 skip=8 count=1 status=none | head -c 12").Output));
        Assert.Equal("Hello World", Assert.Single(Run("head -c 12 /dev/mapper/turned").Output));
        Assert.Equal("0 64 rot13 1:0 8", Assert.Single(Run("dmsetup table turned").Output));
        Assert.Equal("0 64 rot13 read written", Assert.Single(Run("dmsetup status turned").Output));
        Assert.Equal("rmmod: ERROR: Module dm_rot13 is in use", Assert.Single(Run("rmmod dm_rot13").Output));
        Assert.Equal(0, Run("dmsetup remove turned").Status);

        var wrong = Run("dmsetup create wrong --table '0 64 rot13 /dev/ram0'");
        Assert.Equal(1, wrong.Status);
        Assert.Contains(wrong.Log, line => line.Contains("two arguments are needed", StringComparison.Ordinal));
        Assert.Equal(0, Run("rmmod dm_rot13").Status);
        Assert.Empty(session.Findings);

        SampleStep Run(string command) => samples.Run(session, command);
    }

    [Fact]
    public void Tables_of_linear_and_zero_are_made_from_the_shell()
    {
        using var samples = new BuiltSamples([]);
        using var session = samples.StartKernel();
        Assert.Equal(0, samples.Run(session, "modprobe brd rd_nr=1; dmsetup create z --table '0 16 zero'; dmsetup create l --table '0 8 linear /dev/ram0 8'").Status);
        Assert.Equal("8192", Assert.Single(samples.Run(session, "cat /dev/mapper/z | tr -d x | wc -c").Output));
        samples.Run(session, "echo moved > /tmp/m; dd if=/tmp/m of=/dev/mapper/l conv=sync,fsync status=none");
        Assert.Equal("moved", Assert.Single(samples.Run(session, "dd if=/dev/ram0 skip=8 count=1 status=none | head -c 6").Output));
    }
}
