using System.Diagnostics;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary><c>lkm probe</c> and <c>lkm insmod DIR</c> on a kernel that stays.</summary>
public sealed class ResidentProbeTests : IDisposable
{
    private readonly ResidentFixture _lkm = new();

    public void Dispose() => _lkm.Dispose();

    [Fact]
    public void Functions_of_a_kernel_that_runs_are_watched_while_lines_run()
    {
        _lkm.Output("boot");
        string output = _lkm.Output(
            "probe", "vfs_read(count) -> $ret", "--name", "default", "--count", "1", "--stack", "--do", "dd if=/proc/version bs=3 count=1 status=none", "--do", "dd if=/proc/version bs=3 count=1 status=none");
        string[] lines = output.Split('\n');
        Assert.Contains(lines, line => line.Contains(" dd/") && line.EndsWith(" vfs_read(count=3)", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains(" vfs_read -> 3 ("));
        Assert.Contains(lines, line => line.Contains("ksys_read"));
        Assert.Contains("Lin", output);
        Assert.EndsWith("vfs_read: 2 calls", lines[^2]); // behind what head printed, which ends in no newline
    }

    [Fact]
    public void Watching_goes_on_until_it_is_interrupted_and_beside_others()
    {
        _lkm.Output("boot");
        using Process watcher = _lkm.Start("probe", "vfs_mkdir()"), other = _lkm.Start("probe", "vfs_mkdir()", "vfs_rmdir()");
        ResidentKernelTests.WaitFor(() =>
        {
            _lkm.Output("sh", "-c", "mkdir /tmp/seen; rmdir /tmp/seen");
            return watcher.StandardOutput.Peek() >= 0 && other.StandardOutput.Peek() >= 0;
        });
        foreach (Process process in (Process[])[watcher, other])
        {
            ResidentFixture.Signal("-INT", process.Id);
            string output = process.StandardOutput.ReadToEnd();
            Assert.True(process.WaitForExit(Patience.Milliseconds(30_000)));
            Assert.Equal(130, process.ExitCode);
            Assert.Contains("mkdir/", output);
            Assert.Matches(@"vfs_mkdir: [1-9]\d* calls\n", output);
        }
    }

    [Fact]
    public void What_cannot_be_watched_is_said()
    {
        HostCommandResult none = _lkm.Lkm("probe", "vfs_read");
        Assert.Equal("lkm: no kernel named \"default\" is running: start one with \"lkm boot\"\n", none.Error);
        _lkm.Output("boot");
        HostCommandResult refused = _lkm.Lkm("probe", "vfs_read", "no_such_function");
        Assert.Equal((1, "lkm: there is no function no_such_function\n"), (refused.ExitCode, refused.Error));
        Assert.Equal(2, _lkm.Lkm("probe", "vfs_read", "--name", "default", "--module", "brd").ExitCode);
    }

    [Fact]
    public void The_modules_of_a_folder_are_built_and_loaded_in_order_and_probes_go_with_them()
    {
        _lkm.Output("boot");
        string folder = Path.Combine(_lkm.Folder, "symbols");
        Directory.CreateDirectory(folder);
        foreach (string source in Directory.GetFiles(ResidentFixture.Symbols).Where(file => Path.GetExtension(file) is ".c" or ".h" or ""))
            File.Copy(source, Path.Combine(folder, Path.GetFileName(source)));
        _lkm.Output("insmod", folder);
        Assert.True(File.Exists(Path.Combine(folder, "importer.ko")));
        Assert.Contains("exporter               16384  1 importer", _lkm.Output("lsmod"));
        using Process watcher = _lkm.Start("probe", "exporter:exporter_exit");
        ResidentKernelTests.WaitFor(() => _lkm.Lkm("rmmod", "importer").ExitCode != 0);
        _lkm.Output("rmmod", "exporter");
        Assert.Contains("exporter:exporter_exit(", watcher.StandardOutput.ReadLine());
        _lkm.Output("insmod", folder);
        _lkm.Output("rmmod", "importer", "exporter");
        ResidentFixture.Signal("-INT", watcher.Id);
        Assert.Equal("exporter:exporter_exit: 1 calls\n", watcher.StandardOutput.ReadToEnd());
        Assert.True(watcher.WaitForExit(Patience.Milliseconds(30_000)));
    }
}
