using Lkm.Distribution;
using Lkm.Formats;

namespace Lkm.RealLinux.Tests;

public class FormatTests
{
    [Fact]
    public void An_archive_is_what_cpio_reads()
    {
        string folder = Directory.CreateTempSubdirectory("lkm-cpio-").FullName;
        try
        {
            string path = Path.Combine(folder, "archive");
            using (FileStream stream = File.Create(path))
            {
                var archive = new CpioArchive(stream);
                archive.AddFile("etc/deep/text", "some text");
                archive.AddFile("empty", "");
                archive.AddLink("bin/sh", "busybox");
                archive.AddCharacterDevice("dev/null", 1, 3);
                archive.Finish();
            }
            HostCommandResult listed = HostCommand.Run("cpio", ["-t", "-v", "--quiet", "-F", path]);
            Assert.Equal(0, listed.ExitCode);
            string[] lines = listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(8, lines.Length); // with the folders etc, etc/deep, bin and dev
            Assert.Contains(lines, line => line.StartsWith("-rwxr-xr-x", StringComparison.Ordinal) && line.EndsWith("etc/deep/text", StringComparison.Ordinal));
            Assert.Contains(lines, line => line.StartsWith('l') && line.EndsWith("bin/sh -> busybox", StringComparison.Ordinal));
            Assert.Contains(lines, line => line.StartsWith('c') && line.Contains("1,   3", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_a_command_did_is_read_from_the_console()
    {
        GuestResult result = Read($"""
            noise
            {GuestProtocol.Mark} begin
            [    1.100000] what the kernel says on its console

            {GuestProtocol.Mark} output
            hello
            <6>[    1.000000] not the log yet

            {GuestProtocol.Mark} status 3 4096
            <6>[    1.234567] brd: module loaded
            noise
            <30>[    2.000000] from user space
            {GuestProtocol.Mark} end
            """);
        Assert.Equal("hello\n<6>[    1.000000] not the log yet", result.Output);
        Assert.Equal([new GuestLogLine(6, 1.234567, "brd: module loaded"), new GuestLogLine(6, 2, "from user space")], result.Log);
        Assert.Equal((3, 4096ul), (result.Status, result.Taint));
    }

    [Fact]
    public void A_command_that_the_guest_did_not_survive_has_no_status()
    {
        GuestResult result = Read($"{GuestProtocol.Mark} begin\nthen it died");
        Assert.Null(result.Status);
        Assert.Equal("then it died", result.Output);
    }

    private static GuestResult Read(string console)
    {
        var reader = new GuestResultReader("a command");
        foreach (string line in console.Split('\n'))
            reader.Add(line);
        return reader.Result;
    }

    [Fact]
    public void A_table_reads_as_it_was_written()
    {
        ModuleOutcome[] outcomes =
        [
            new("brd", "rd_nr=1", Errno.OK, [new(6, "brd: module loaded"), new(4, "")], Errno.OK, [new(6, "brd: module unloaded")]),
            new("kvm-amd", "", Errno.EOPNOTSUPP, [new(3, "no | SVM")], null, []),
            new("busy", "", Errno.OK, [], Errno.EBUSY, []),
        ];
        IReadOnlyList<ModuleOutcome> read = ModuleTable.Read(ModuleTable.Write("a comment\nof two lines", outcomes).Split('\n'));
        Assert.Equal(outcomes.Length, read.Count);
        for (int i = 0; i < read.Count; i++)
            Assert.True(outcomes[i].SameAs(read[i]), outcomes[i].Module);
    }

    [Theory]
    [InlineData("real-modules.txt", 60)]
    [InlineData("more-modules.txt", 100)]
    public void The_recorded_tables_can_be_read(string file, int least)
    {
        IReadOnlyList<ModuleOutcome> modules = ModuleTable.Read(File.ReadLines(Path.Combine(AppContext.BaseDirectory, file)));
        Assert.True(modules.Count >= least, $"{modules.Count} modules");
        Assert.Equal(modules.Count, modules.Select(module => module.Module).Distinct().Count());
    }

    [Fact]
    public void What_kmod_prints_tells_the_errno()
    {
        Assert.Equal(Errno.ENODEV, Read("modprobe: ERROR: could not insert 'x': No such device"));
        Assert.Equal(Errno.ENOEXEC, Read("insmod: ERROR: could not insert module x.ko: Invalid module format"));
        Assert.Equal(Errno.ENOENT, Read("modprobe: ERROR: could not insert 'x': Unknown symbol in module, or unknown parameter (see dmesg)"));
        Assert.Equal(Errno.ENOENT, Read("insmod: ERROR: could not insert module x.ko: Unknown symbol in module"));
        Assert.Equal(Errno.ESRCH, Read("insmod: ERROR: could not insert module x.ko: Module has wrong symbol version"));
        Assert.Equal(Errno.EBUSY, Read("modprobe: FATAL: Module x is in use."));
        Assert.Equal(Errno.ENOENT, Read("rmmod: ERROR: Module x is not currently loaded"));

        Assert.Equal(Errno.EINTR, KmodMessage.ErrnoOf(new GuestResult("", 137, "Killed", [], 0)));

        static Errno Read(string output) => KmodMessage.ErrnoOf(new GuestResult("", 1, output, [], 0));
    }
}
