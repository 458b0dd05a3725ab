using System.Diagnostics;
using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>Kernels that stay, through the program as a user calls it.</summary>
public sealed class ResidentKernelTests : IDisposable
{
    private readonly ResidentFixture _lkm = new();

    public void Dispose() => _lkm.Dispose();

    [Fact]
    public void Without_a_kernel_a_command_says_how_to_start_one()
    {
        HostCommandResult result = _lkm.Lkm("lsmod");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("lkm: no kernel named \"default\" is running: start one with \"lkm boot\"\n", result.Error);
        Assert.Equal("lkm: no kernel named \"other\" is running: start one with \"lkm boot --name other\"\n", _lkm.Lkm("ps", "--name", "other").Error);
    }

    [Fact]
    public void A_module_stays_from_one_command_to_the_next()
    {
        _lkm.Output("boot");
        string exporter = Path.Combine(ResidentFixture.Symbols, "exporter.ko"), importer = Path.Combine(ResidentFixture.Symbols, "importer.ko");
        Assert.Contains("Unknown symbol", _lkm.Lkm("insmod", importer).Error);
        _lkm.Output("insmod", exporter);
        _lkm.Output("insmod", importer);
        JsonElement modules = JsonDocument.Parse(_lkm.Output("lsmod", "--json")).RootElement.GetProperty("modules");
        Assert.Equal(["importer", "exporter"], modules.EnumerateArray().Select(module => module.GetProperty("name").GetString()));
        Assert.Equal("importer", modules[1].GetProperty("holders")[0].GetString());
        Assert.Equal(1, modules[1].GetProperty("users").GetInt32());

        HostCommandResult used = _lkm.Lkm("rmmod", "exporter");
        Assert.Equal(1, used.ExitCode);
        Assert.Equal("rmmod: ERROR: Module exporter is in use by: importer\n", used.Error);
        Assert.Contains("\t[exporter]", _lkm.Output("ksyms", "exporter_*"));
        Assert.Contains("[exporter]", _lkm.Output("ksyms", "-e", "*"));
        _lkm.Output("rmmod", "importer", "exporter");
        Assert.Equal("Module                  Size  Used by\n", _lkm.Output("lsmod"));
        Assert.Contains("exporter", _lkm.Output("dmesg"));
    }

    [Fact]
    public void Files_of_the_kernel_are_read_written_and_listed()
    {
        _lkm.Output("boot");
        Assert.StartsWith("Linux version 6.1", _lkm.Output("cat", "/proc/version"));
        _lkm.Output("write", "/tmp/note", "one");
        Assert.Equal("one", _lkm.Output("cat", "/tmp/note"));
        Assert.Contains("note", _lkm.Output("ls", "/tmp"));
        Assert.Equal("cat: can't open '/nope': No such file or directory\n", _lkm.Lkm("cat", "/nope").Error);
        using Process writer = _lkm.Start("write", "/tmp/note");
        writer.StandardInput.Write("from outside\n");
        writer.StandardInput.Close();
        Assert.True(writer.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal("from outside\n", _lkm.Output("cat", "/tmp/note"));
        Assert.Equal("/proc\n3\n", _lkm.Output("sh", "-c", "cd /proc; pwd; echo a b c | wc -w"));
        Assert.Equal(3, _lkm.Lkm("sh", "-c", "exit 3").ExitCode);
        JsonElement processes = JsonDocument.Parse(_lkm.Output("ps", "--json")).RootElement.GetProperty("processes");
        Assert.Equal(1, processes[0].GetProperty("pid").GetInt32());
        _lkm.Output("modprobe", "-r", "brd"); // not loaded: nothing to do, as kmod has it
        Assert.Equal(1, _lkm.Lkm("modprobe", "-r", "no_such_module").ExitCode);
        Assert.Contains("parm:           rd_nr:Maximum number of brd devices (int)\n", _lkm.Output("sh", "-c", "modinfo brd"));
    }

    [Fact]
    public void Only_its_owner_may_reach_a_kernel()
    {
        _lkm.Output("boot");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_lkm.Runtime));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_lkm.Runtime, "default.sock")));
    }

    [Fact]
    public void A_killed_daemon_takes_nothing_but_its_kernel_with_it()
    {
        int killed = ResidentFixture.ProcessOf(_lkm.Output("boot"));
        _lkm.Output("boot", "--name", "other");
        using Process follower = _lkm.Start("sh", "-c", "sleep 1000");
        WaitFor(() => _lkm.Output("ps").Contains("sleep"));
        ResidentFixture.Signal("-KILL", killed);
        Assert.True(follower.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(1, follower.ExitCode);
        Assert.Equal("lkm: the kernel \"default\" ended before the command did\n", follower.StandardError.ReadToEnd());
        Assert.Contains("no kernel named", _lkm.Lkm("lsmod").Error);
        Assert.True(File.Exists(Path.Combine(_lkm.Runtime, "default.sock")), "the socket of a killed daemon stays behind");
        _lkm.Output("lsmod", "--name", "other");
        _lkm.Output("boot");
        _lkm.Output("lsmod");
    }

    [Fact]
    public void Of_two_boots_at_once_one_wins()
    {
        using Process first = _lkm.Start("boot"), second = _lkm.Start("boot");
        Assert.True(first.WaitForExit(Patience.Milliseconds(120_000)) && second.WaitForExit(Patience.Milliseconds(120_000)));
        Assert.Equal([0, 1], new[] { first.ExitCode, second.ExitCode }.Order());
        Process loser = first.ExitCode == 1 ? first : second;
        Assert.StartsWith("lkm: a kernel named \"default\" is running already", loser.StandardError.ReadToEnd());
        _lkm.Output("lsmod");
        Assert.Contains("runs as \"default\"", _lkm.Output("kernels"));
        _lkm.Output("halt");
        Assert.DoesNotContain("runs as", _lkm.Output("kernels"));
    }

    [Fact]
    public void Clients_work_beside_each_other_and_a_follower_sees_what_they_do()
    {
        _lkm.Output("boot");
        using Process follower = _lkm.Start("dmesg", "--follow");
        using Process sleeper = _lkm.Start("sh", "-c", "sleep 1000");
        WaitFor(() => _lkm.Output("ps").Contains("sleep"));
        _lkm.Output("modprobe", "brd");
        string? line;
        do
        {
            line = follower.StandardOutput.ReadLine();
        }
        while (line is not null && !line.EndsWith("brd: module loaded", StringComparison.Ordinal));
        Assert.NotNull(line);

        ResidentFixture.Signal("-INT", sleeper.Id);
        Assert.True(sleeper.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(130, sleeper.ExitCode);
        ResidentFixture.Signal("-INT", follower.Id);
        Assert.True(follower.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(130, follower.ExitCode);
        Assert.DoesNotContain("sleep", _lkm.Output("ps"));
    }

    [Fact]
    public void A_client_that_reads_no_more_ends_its_command()
    {
        _lkm.Output("boot");
        using Process endless = _lkm.Start("cat", "/dev/zero");
        var bytes = new byte[1000];
        endless.StandardOutput.BaseStream.ReadExactly(bytes);
        endless.StandardOutput.Close();
        Assert.True(endless.WaitForExit(Patience.Milliseconds(30_000)));
        WaitFor(() => !_lkm.Output("ps").Contains(" cat"));
    }

    [Theory]
    [InlineData("spin")]
    [InlineData("spin_irq")]
    [InlineData("deadlock")]
    public void Ctrl_C_ends_a_module_that_never_gives_the_processor_back(string how)
    {
        _lkm.Output("boot");
        using Process stuck = _lkm.Start("insmod", ResidentFixture.Misbehave, $"how={how}");
        WaitFor(() => _lkm.Output("dmesg").Contains("misbehave: "));
        ResidentFixture.Signal("-INT", stuck.Id);
        Assert.True(stuck.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(137, stuck.ExitCode);
        Assert.Contains("is killed in the kernel, as its user asks", _lkm.Output("dmesg"));
        Assert.Contains("misbehave", _lkm.Output("lsmod"));
    }

    [Fact]
    public void A_task_that_holds_the_processor_is_ended_after_a_while()
    {
        _lkm.Output("boot", "--stuck", Patience.Stuck);
        HostCommandResult result = _lkm.Lkm("insmod", ResidentFixture.Misbehave, "how=spin");
        Assert.Equal(137, result.ExitCode);
        Assert.Matches($@"^lkm: insmod\[\d+\] has kept the processor for {Patience.Stuck} seconds, and is ended at misbehave_init\+", result.Error);
        Assert.Contains("misbehave", _lkm.Output("lsmod"));
    }

    [Fact]
    public void A_task_that_Linux_watchdog_tells_of_too_is_told_of_once_and_time_goes_on_after_it()
    {
        _lkm.Output("boot", "--stuck", Patience.Stuck);
        HostCommandResult result = _lkm.Lkm("insmod", ResidentFixture.Misbehave, "how=delay"); // some hundreds of the kernel's seconds
        Assert.Equal(137, result.ExitCode);
        Assert.Contains($" has kept the processor for {Patience.Stuck} seconds, and is ended", Assert.Single(result.Error.TrimEnd().Split('\n')));
        Assert.Matches(@"watchdog: BUG: soft lockup - CPU#0 stuck for \d+s! \[insmod:", _lkm.Output("dmesg"));
        Assert.Equal("slept\n", _lkm.Output("sh", "-c", "sleep 1; echo slept"));
    }

    [Fact]
    public void A_command_may_sleep_for_hours()
    {
        _lkm.Output("boot", "--time", "virtual");
        Assert.Equal("slept\n", _lkm.Output("sh", "-c", "sleep 7200; echo slept"));
    }

    [Theory]
    [InlineData("panic", "Kernel panic - not syncing: misbehave: asked to")]
    [InlineData("recurse", "stack guard page was hit")]
    [InlineData("timer", " has kept the processor for ")]
    public void A_kernel_that_has_stopped_can_still_be_read_and_halted(string how, string message)
    {
        _lkm.Output("boot", "--stuck", Patience.Stuck);
        _lkm.Lkm("insmod", ResidentFixture.Misbehave, $"how={how}");
        WaitFor(() => _lkm.Output("dmesg").Contains(message));
        WaitFor(() => _lkm.Lkm("lsmod").ExitCode != 0);
        Assert.Contains("lkm: the kernel has stopped: ", _lkm.Lkm("lsmod").Error);
        _lkm.Output("halt");
        Assert.Contains("no kernel named", _lkm.Lkm("lsmod").Error);
    }

    [Theory]
    [InlineData("null", 137, "lkm: BUG: kernel NULL pointer dereference, address: 0000000000000000 at misbehave_init+")]
    [InlineData("guard", 139, "lkm: BUG: TASK stack guard page was hit at ")] // with room left on the stack
    public void An_oops_ends_the_command_and_not_the_kernel(string how, int status, string message)
    {
        _lkm.Output("boot");
        HostCommandResult result = _lkm.Lkm("insmod", ResidentFixture.Misbehave, $"how={how}");
        Assert.Equal(status, result.ExitCode);
        Assert.StartsWith(message, result.Error);
        Assert.Contains("misbehave", _lkm.Output("lsmod"));
    }

    [Fact]
    public void Sleeping_with_a_lock_held_is_told_of()
    {
        _lkm.Output("boot");
        HostCommandResult result = _lkm.Lkm("insmod", ResidentFixture.Misbehave, "how=sleep_atomic");
        Assert.Contains("BUG: scheduling while atomic: insmod/", result.Error);
        Assert.Contains("returned with preemption imbalance", _lkm.Output("dmesg"));
        _lkm.Output("rmmod", "misbehave");
    }

    [Fact]
    public void Modules_loaded_on_demand_go_when_they_are_unused()
    {
        _lkm.Output("boot", "--time", "virtual", "--autoclean", "60");
        _lkm.Output("modprobe", "brd", "rd_nr=1");
        Assert.NotEqual(0, _lkm.Lkm("sh", "-c", "mount -t ext2 /dev/ram0 /mnt").ExitCode); // no file system on it, but now there is ext4, which is asked for ext2
        Assert.Contains("ext4", _lkm.Output("lsmod"));
        _lkm.Output("sh", "-c", "sleep 50");
        Assert.Contains("ext4", _lkm.Output("lsmod"));
        _lkm.Output("sh", "-c", "sleep 30");
        Assert.DoesNotContain("ext4", _lkm.Output("lsmod"));
        Assert.DoesNotContain("jbd2", _lkm.Output("lsmod"));
        Assert.Contains("brd", _lkm.Output("lsmod")); // it was asked for by name
    }

    [Fact]
    public void A_trace_tells_each_step_of_a_load()
    {
        _lkm.Output("boot");
        string exporter = Path.Combine(ResidentFixture.Symbols, "exporter.ko"), importer = Path.Combine(ResidentFixture.Symbols, "importer.ko");
        string text = _lkm.Output("insmod", "--trace", exporter);
        foreach (string step in (string[])["check     vermagic: 6.1", "section   .text", "symbol    _printk", "relocate  .text: ", "state     coming", "init      returned 0", "state     live"])
            Assert.Contains(step, text);
        JsonElement document = JsonDocument.Parse(_lkm.Output("insmod", "--trace", "--json", importer)).RootElement;
        Assert.True(document.GetProperty("ok").GetBoolean());
        Assert.Contains(document.GetProperty("trace").EnumerateArray(), step => step.GetProperty("step").GetString() == "symbol" && step.GetProperty("from").GetString() == "exporter");
        Assert.Contains("state     live", _lkm.Output("run", "--trace", exporter));
    }

    [Fact]
    public void The_shell_reads_a_script_and_completes()
    {
        _lkm.Output("boot");
        using Process shell = _lkm.Start("sh");
        shell.StandardInput.Write("cd /proc\npwd\nfalse\necho $?\nexit 4\necho never\n");
        shell.StandardInput.Close();
        Assert.Equal("/proc\n1\n", shell.StandardOutput.ReadToEnd());
        Assert.True(shell.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(4, shell.ExitCode);
    }

    internal static void WaitFor(Func<bool> condition)
    {
        var patience = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(patience.ElapsedMilliseconds < Patience.Milliseconds(60_000), "it did not happen in time");
            Thread.Sleep(50);
        }
    }
}
