using System.Diagnostics;
using Lkm.Formats;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Shell;
using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Tests.Shell;

public sealed class SystemCommandTests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void Ps_lists_this_process()
    {
        var lines = _shell.Output("ps").Split('\n');
        Assert.Equal("PID   USER     COMMAND", lines[0]);
        Assert.Contains(lines, l => l.StartsWith($"{Environment.ProcessId,5} "));
    }

    [Theory]
    [InlineData("1 (init) S 0 1 1 0 -1 4194560 0", "init")]
    [InlineData("2 (kthreadd) S 0 0 0 0 -1 2129984 0", "[kthreadd]")]
    [InlineData("9 (a) b (c)) R 1 0 0 0 -1 0 0", "a) b (c)")]
    public void A_process_status_is_read_whatever_its_name(string line, string command)
    {
        Assert.True(ProcessStatus.TryParse(line, out var status));
        Assert.Equal(command, status.Command);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 init S 0")]
    [InlineData("1 (init) S")]
    [InlineData(") 1 (")]
    [InlineData("x (init) S 0 1 1 0 -1 4194560 0")]
    public void What_is_no_process_status_is_refused(string line) => Assert.False(ProcessStatus.TryParse(line, out _));

    [Fact]
    public void Kill_sends_signals()
    {
        using var child = Process.Start("sleep", "60");
        _shell.Output($"kill -0 {child.Id}; kill -KILL {child.Id}");
        Assert.True(child.WaitForExit(10_000));
        Assert.Equal("kill: can't kill pid 99999999: No such process\n", _shell.Errors("kill 99999999"));
        Assert.Equal("kill: invalid signal 'FROB'\n", _shell.Errors("kill -FROB 1"));
        Assert.Contains(" 9) KILL\n", _shell.Output("kill -l"));
    }

    [Fact]
    public void Sleep_takes_numbers_with_units()
    {
        _shell.Output("sleep 0.001 0s 0m");
        Assert.Equal("sleep: invalid number 'x'\n", _shell.Errors("sleep x"));
        Assert.Equal("sleep: invalid number '-1'\n", _shell.Errors("sleep -1"));
    }

    [Fact]
    public void The_system_is_named()
    {
        Assert.Equal("Linux\n", _shell.Output("uname"));
        Assert.Matches("^Linux .* x86_64 GNU/Linux\n$", _shell.Output("uname -a"));
        Assert.Equal("x86_64 unknown GNU/Linux\n", _shell.Output("uname -omp"));
        Assert.Matches(@"^uid=\d+", _shell.Output("id"));
        Assert.Equal(Environment.CurrentDirectory + "\n", _shell.Output("pwd"));
    }

    [Fact]
    public void Dmesg_prints_filters_and_clears_the_log()
    {
        _shell.Log.Restore(new LogRecord(1_234_567_000, 6, "hello: Hello, World!", null));
        _shell.Log.Restore(new LogRecord(2_000_000_000, 3, "two\nlines", null));
        Assert.Equal("[    1.234567] hello: Hello, World!\n[    2.000000] two\n[    2.000000] lines\n", _shell.Output("dmesg"));
        Assert.Equal("two\nlines\n", _shell.Output("dmesg -t --level=err"));
        Assert.Equal("hello: Hello, World!\n", _shell.Output("dmesg -t -l notice,info"));
        Assert.Equal("two\nlines\n", _shell.Output("dmesg -t -l warn+"));
        Assert.Equal("<6>[    1.234567] hello: Hello, World!\n<3>", _shell.Output("dmesg -kr")[..42]);
        Assert.Matches("^\\[... ... .. ..:..:.. ....\\] hello: Hello, World!\n", _shell.Output("dmesg -T"));
        _shell.Output("dmesg -C");
        Assert.Equal("", _shell.Output("dmesg"));
        Assert.Equal("dmesg: unknown level 'x'\n", _shell.Errors("dmesg -l x"));
    }

    [Fact]
    public void Module_commands_reach_the_loader_as_kmods_do()
    {
        _shell.Output("insmod hello.ko count=1 text='a b'; modprobe loop max_loop=4; modprobe -r loop; rmmod -f some-module.ko");
        Assert.Equal(
            [
                _shell.At("insert @/hello.ko [count=1 text=a b]"), "probe loop [max_loop=4]", "probe-remove loop", "remove some_module by force",
            ],
            _shell.ModuleCalls);
    }

    [Fact]
    public void Refused_modules_are_told_in_kmods_words_and_lkms()
    {
        _shell.ModuleOutcome = new ModuleOutcome(Errno.ENOEXEC, "its version magic is of another kernel");
        Assert.Equal(
            "insmod: ERROR: could not insert module a.ko: Invalid module format\ninsmod: its version magic is of another kernel\n",
            _shell.Errors("insmod a.ko"));
        _shell.ModuleOutcome = new ModuleOutcome(Errno.EEXIST);
        Assert.Equal("modprobe: ERROR: could not insert 'a': Module already in kernel\n", _shell.Errors("modprobe a"));
        _shell.ModuleOutcome = new ModuleOutcome(Errno.ENOENT, "Module a not found in directory /lib/modules/6.1", NoSuchModule: true);
        Assert.Equal("modprobe: FATAL: Module a not found in directory /lib/modules/6.1\n", _shell.Errors("modprobe a"));
    }

    [Fact]
    public void Modinfo_prints_labels_or_one_field()
    {
        Assert.Equal("filename:       /lib/loop.ko\nlicense:        GPL\nparm:           max_loop:Maximum number (int)\n", _shell.Output("modinfo loop"));
        Assert.Equal("GPL\n", _shell.Output("modinfo -F license loop"));
        Assert.Equal("modinfo: ERROR: Module none not found.\n", _shell.Errors("modinfo none"));
    }

    [Fact]
    public void Device_mapper_tables_are_written_as_the_kernel_reads_them()
    {
        Assert.True(DeviceMapperTarget.TryParse("0 1024 linear /dev/ram0 16", out var target));
        Assert.Equal(new DeviceMapperTarget(0, 1024, "linear", "/dev/ram0 16"), target);
        var request = DeviceMapperRequest.Make("name", DeviceMapperFlags.ReadOnly, 0, [target, new DeviceMapperTarget(1024, 8, "zero", "")]);
        Assert.Equal(312 + 56 + 48, request.Bytes.Length);
        Assert.Equal([target, new DeviceMapperTarget(1024, 8, "zero", "")], WithAbsoluteNext(request).Targets());
        Assert.False(DeviceMapperTarget.TryParse("0 x linear", out _));
    }

    [Fact]
    public void Device_mapper_answers_may_hold_anything()
    {
        var random = new System.Random(7);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = DeviceMapperRequest.Make("name", room: random.Next(200)).Bytes;
            for (var n = random.Next(30); n > 0; n--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            _ = DeviceMapperRequest.FromAnswer(bytes).Targets();
            _ = DeviceMapperRequest.FromAnswer(bytes).Devices();
        }
    }

    [Theory]
    [InlineData("dmsetup", "Usage: dmsetup create|remove|ls|info|table|status ...\n")]
    [InlineData("dmsetup frob x", "Usage: dmsetup create|remove|ls|info|table|status ...\n")]
    [InlineData("dmsetup create x --table 'one two'", "dmsetup: invalid format of table line 'one two': START LENGTH TYPE [ARGUMENTS]\n")]
    public void Misuse_of_device_mapper_is_told(string line, string errors) => Assert.Equal(errors, _shell.Errors(line));

    /// <summary>A loaded table counts next from each target, a status from the first one.</summary>
    private static DeviceMapperRequest WithAbsoluteNext(DeviceMapperRequest request)
    {
        var bytes = request.Bytes.ToArray();
        BitConverter.TryWriteBytes(bytes.AsSpan(312 + 56 + 20), bytes.Length - 312);
        return DeviceMapperRequest.FromAnswer(bytes);
    }
}
