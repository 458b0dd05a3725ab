using Lkm.Distribution;

namespace Lkm.RealLinux.Tests;

public class GuestTests
{
    private static KernelSource Kernel(string specification)
    {
        Outcome<KernelSource> kernel = new KernelLocator(LkmCache.FromEnvironment(), Console.Error.WriteLine).Locate(specification);
        Assert.True(kernel.Succeeded, kernel.Error);
        return kernel.Value;
    }

    [Theory]
    [InlineData("debian:6.1")]
    [InlineData("debian:6.1-cloud")]
    public void A_real_kernel_loads_a_module_and_tells_of_it(string specification)
    {
        KernelSource kernel = Kernel(specification);
        var guest = new Guest(kernel);
        Assert.Null(guest.AddModules("dm-mod"));
        Outcome<IReadOnlyList<GuestResult>> run = guest.Run(
            ["uname -r", "modprobe dm-mod", "lsmod", "modprobe -r dm-mod", "modprobe no-such-module", "echo one >/dev/kmsg; exit 3"],
            TimeSpan.FromMinutes(3));

        Assert.True(run.Succeeded, run.Error);
        Assert.Equal([0, 0, 0, 0, 1, 3], run.Value.Select(result => result.Status ?? -1));
        Assert.Equal(kernel.Version, run.Value[0].Output);
        Assert.Contains(run.Value[1].Log, line => line.Level == 6 && line.Text.StartsWith("device-mapper: ioctl:", StringComparison.Ordinal));
        Assert.Contains("dm_mod", run.Value[2].Output);
        Assert.Contains(run.Value[3].Log, line => line.Text == "device-mapper: core: cleaned up");
        Assert.Contains("not found", run.Value[4].Output);
        Assert.Contains(run.Value[5].Log, line => line.Text == "one");
        Assert.All(run.Value, result => Assert.Equal(0ul, result.Taint));
    }

    [Fact]
    public void A_guest_that_dies_gives_the_results_until_then()
    {
        Outcome<IReadOnlyList<GuestResult>> run = new Guest(Kernel("debian:6.1-cloud")).Run(
            ["echo before", "echo c > /proc/sysrq-trigger", "echo after"], TimeSpan.FromMinutes(3));
        Assert.True(run.Succeeded, run.Error);
        Assert.Equal(2, run.Value.Count);
        Assert.Equal(0, run.Value[0].Status);
        Assert.Null(run.Value[1].Status);
    }

    [Fact]
    public void Machines_go_on_from_a_snapshot_and_know_nothing_of_each_other()
    {
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(Kernel("debian:6.1-cloud"), LkmCache.FromEnvironment(), Console.Error.WriteLine);
        Assert.True(snapshot.Succeeded, snapshot.Error);
        byte[] sent = new byte[100_000];
        new Random(1).NextBytes(sent);
        for (int i = 0; i < 2; i++)
        {
            Outcome<GuestMachine> started = snapshot.Value.Start();
            Assert.True(started.Succeeded, started.Error);
            using GuestMachine machine = started.Value;
            Assert.Equal("", machine.Run("lsmod | grep dm_mod; ls /tmp", s_limit).Output);
            GuestResult loaded = machine.Run("modprobe dm-mod", s_limit);
            Assert.Equal(0, loaded.Status);
            Assert.Contains(loaded.Log, line => line.Text.StartsWith("device-mapper: ioctl:", StringComparison.Ordinal));
            Assert.Null(machine.Send("/tmp/sent", sent));
            Assert.StartsWith(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(sent)), machine.Run("sha256sum /tmp/sent", s_limit).Output);
            Assert.Equal("one\ntwo", machine.Run("echo one\n# a long line " + new string('x', 9000) + "\necho two", s_limit).Output);
            Assert.Equal(["1", "2"], machine.Run([new("echo 1; false"), new("echo 2; false", IsRequired: true), new("echo 3"), new("echo 4")], s_limit).Select(result => result.Output));
            Assert.Equal(["4", "5"], machine.Run([new("echo 4", IsRequired: true), new("echo 5", IsRequired: true)], s_limit).Select(result => result.Output));
            Assert.NotEqual(0, machine.Run("sleep 100", TimeSpan.FromSeconds(1)).Status);
            Assert.Equal("alive", machine.Run("echo alive", s_limit).Output);
        }
    }

    /// <summary>Idle time is passed over, so while the host thinks, hours may pass for the guest.</summary>
    [Fact]
    public void No_time_passes_between_commands_that_are_handed_over_together()
    {
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(Kernel("debian:6.1-cloud"), LkmCache.FromEnvironment(), Console.Error.WriteLine);
        using GuestMachine machine = snapshot.Value!.Start().Value!;
        var uptimes = machine.Run(Enumerable.Repeat(new GuestCommand("cut -d ' ' -f 1 /proc/uptime"), 5).ToArray(), s_limit)
            .Select(result => double.Parse(result.Output, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.InRange(uptimes[^1] - uptimes[0], 1, 4);
    }

    [Fact]
    public void A_command_may_look_at_the_log_and_clear_it()
    {
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(Kernel("debian:6.1-cloud"), LkmCache.FromEnvironment(), Console.Error.WriteLine);
        Assert.True(snapshot.Succeeded, snapshot.Error);
        using GuestMachine machine = snapshot.Value.Start().Value!;
        Assert.Equal(["one"], Logged("echo one >/dev/kmsg"));
        Assert.Equal(["two"], Logged("echo two >/dev/kmsg"));
        Assert.Equal("one\ntwo", machine.Run("dmesg | tail -n 2 | sed 's/.*] //'", s_limit).Output);
        Assert.Contains("Linux version", machine.Run("dmesg | head -n 1", s_limit).Output);
        Assert.Equal(["four"], Logged("echo three >/dev/kmsg; dmesg -c >/dev/null; echo four >/dev/kmsg"));
        Assert.Equal(["five"], Logged("echo five >/dev/kmsg"));
        Assert.Equal("nobody", machine.Run("chown nobody /tmp; stat -c %U /tmp", s_limit).Output);
        Assert.Equal("a b", machine.Run("write /tmp/f 'a b'; sudo -E cat /tmp/f", s_limit).Output);

        IEnumerable<string> Logged(string command) => machine.Run(command, s_limit).OwnLog.Select(line => line.Text);
    }

    [Fact]
    public void The_first_serial_port_is_free_and_what_is_written_to_it_goes()
    {
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(Kernel("debian:6.1-cloud"), LkmCache.FromEnvironment(), Console.Error.WriteLine);
        Assert.True(snapshot.Succeeded, snapshot.Error);
        using GuestMachine machine = snapshot.Value.Start().Value!;
        GuestResult result = machine.Run("grep -c ^ttyS0 /proc/consoles; echo text >/dev/ttyS0 && grep '^0:' /proc/tty/driver/serial", s_limit);
        Assert.StartsWith("0\n0: uart:16550A port:000003F8 irq:4 tx:6 rx:0", result.Output);
    }

    [Fact]
    public void A_machine_does_not_end_with_the_thread_that_started_it()
    {
        Outcome<GuestSnapshot> snapshot = GuestSnapshot.Open(Kernel("debian:6.1-cloud"), LkmCache.FromEnvironment(), Console.Error.WriteLine);
        Assert.True(snapshot.Succeeded, snapshot.Error);
        GuestMachine? machine = null;
        var thread = new Thread(() => machine = snapshot.Value.Start().Value);
        thread.Start();
        thread.Join();
        using (machine)
            Assert.Equal("alive", machine!.Run("echo alive", s_limit).Output);
    }

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
}
