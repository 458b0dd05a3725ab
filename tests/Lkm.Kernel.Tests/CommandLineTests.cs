namespace Lkm.Kernel.Tests;

/// <summary>What the kernel was booted with.</summary>
public class CommandLineTests
{
    [Fact]
    public void The_command_line_names_the_image_and_the_log_begins_with_it()
    {
        using var session = BootedKernel.Start();
        var expected = $"BOOT_IMAGE=/boot/vmlinuz-{BootedKernel.Source.Version} panic=-1";
        Assert.Equal(expected + "\n", session.Run("cat /proc/cmdline").Output);
        Assert.Equal("-1\n", session.Run("cat /proc/sys/kernel/panic").Output);
        var log = session.LogSince(0);
        Assert.StartsWith($"Linux version {BootedKernel.Source.Version} (", log[0]);
        Assert.Equal($"Command line: {expected}", log[1]);
        Assert.Contains($"Kernel command line: {expected}", log);
    }
}
