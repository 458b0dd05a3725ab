using Lkm.Formats;

namespace Lkm.Tools.Tests;

public class OtherToolTests
{
    [Fact]
    public void Insmod_inserts_a_file_with_its_parameters()
    {
        using var root = new FakeRoot().Module("a.ko", new ModuleImage());
        Assert.Equal("", root.Run("insmod", $"{root.Modules}/a.ko", "x=1", "y=2").ToString());
        Assert.Equal(["finit a 'x=1 y=2' 0"], root.Calls);
        Assert.Equal("", root.Run("insmod", "-f", $"{root.Modules}/a.ko").ToString());
        Assert.Equal("finit a '' 3", root.Calls[^1]);
    }

    [Theory]
    [InlineData(Errno.EEXIST, "File exists")]
    [InlineData(Errno.ENOEXEC, "Invalid module format")]
    [InlineData(Errno.ENOENT, "Unknown symbol in module")]
    [InlineData(Errno.ESRCH, "Module has wrong symbol version")]
    [InlineData(Errno.EINVAL, "Invalid parameters")]
    [InlineData(Errno.EPERM, "Operation not permitted")]
    public void Insmod_has_its_own_words_for_failures(Errno errno, string words)
    {
        using var root = new FakeRoot().Module("a.ko", new ModuleImage());
        root.Answers["a"] = errno;
        Assert.Equal($"insmod: ERROR: could not insert module /lib/modules/4.4.4/a.ko: {words}\n[1]\n", root.Run("insmod", $"{root.Modules}/a.ko").ToString());
    }

    [Theory]
    [InlineData("insmod: ERROR: missing filename.\n[1]\n")]
    [InlineData("insmod: ERROR: this tool does not support loading from stdin!\n[1]\n", "-")]
    [InlineData("insmod: ERROR: could not load module /nonexistent: No such file or directory\n[1]\n", "/nonexistent")]
    public void Insmod_refuses(string expected, params string[] arguments)
    {
        using var root = new FakeRoot();
        Assert.Equal(expected, root.Run("insmod", arguments).ToString());
    }

    [Fact]
    public void Rmmod_checks_before_it_removes_and_goes_on_after_failures()
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "kernel/unix.ko\n").Depmod()
            .Load("free").Load("used", 2).Load("held", 1, "holder").Write("sys/module/stuck/initstate", "live\n");
        Assert.Equal("""
            rmmod: ERROR: Module unix is builtin.
            rmmod: ERROR: Module nope is not currently loaded
            rmmod: ERROR: Module held is in use by: holder
            rmmod: ERROR: Module used is in use
            rmmod: ERROR: Module unloading is not supported
            [1]

            """, root.Run("rmmod", "unix", "nope", "held", "used", "stuck", "free").ToString());
        Assert.Equal(["delete free 800"], root.Calls);
        root.Answers["used"] = Errno.EAGAIN;
        Assert.Equal("rmmod: ERROR: could not remove module used: Resource temporarily unavailable\n[1]\n", root.Run("rmmod", "-f", "used").ToString());
        Assert.Equal("delete used a00", root.Calls[^1]);
        Assert.Equal("rmmod: ERROR: missing module name.\n[1]\n", root.Run("rmmod").ToString());
    }

    [Fact]
    public void Lsmod_prints_a_table()
    {
        using var root = new FakeRoot().Write("proc/modules", "ext4 737280 1 - Live 0x0\nmbcache 16384 1 ext4, Live 0x0\ngone 1 0 - Live 0x0\n").Load("ext4", 1).Load("mbcache", 1, "ext4");
        Assert.Equal("""
            Module                  Size  Used by
            ext4                    8192  1
            mbcache                 8192  1 ext4
            gone                      -2  -2

            """, root.Run("lsmod").ToString());
        Assert.Equal("Usage: lsmod\n[1]\n", root.Run("lsmod", "x").ToString());
        Assert.Contains("\"holders\": [\n        \"ext4\"", root.RunImproved("lsmod", "--json").Output);
    }

    [Fact]
    public void Modinfo_prints_strings_in_order_and_parameters_backwards()
    {
        using var root = new FakeRoot().Module("a.ko", new ModuleImage().Info("license", "GPL").Info("parm", "one:First").Info("parmtype", "one:int")
            .Info("parmtype", "two:bool").Info("a_key_beyond_the_column", "v").Info("author", "Jürgen"));
        var file = $"{root.Modules}/a.ko";
        Assert.Equal("""
            filename:       /lib/modules/4.4.4/a.ko
            license:        GPL
            a_key_beyond_the_column:        v
            author:         Jürgen
            parm:           two:bool
            parm:           one:First (int)

            """, root.Run("modinfo", file).ToString());
        Assert.Equal("two: (bool)\none:First (int)\n", root.Run("modinfo", "-p", file).ToString());
        Assert.Equal("GPL\0", root.Run("modinfo", "-0", "-F", "license", file).ToString());
        Assert.StartsWith("filename:       /lib/modules/4.4.4/a.ko\0license=GPL\0", root.Run("modinfo", "-0", file).Output);
        Assert.Equal("/lib/modules/4.4.4/a.ko\n", root.Run("modinfo", "-n", file).ToString());
        Assert.Contains("\"type\": \"bool\"", root.RunImproved("modinfo", "--json", file).Output);
    }

    [Fact]
    public void Modinfo_knows_modules_that_are_part_of_the_kernel()
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "kernel/unix.ko\n")
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin.modinfo", "unix.alias=net-pf-1\0unix.license=GPL\0").Depmod();
        Assert.Equal("name:           unix\nfilename:       (builtin)\nalias:          net-pf-1\nlicense:        GPL\n", root.Run("modinfo", "unix").ToString());
        Assert.Equal("(builtin)\n", root.Run("modinfo", "-n", "unix").ToString());
        Assert.Equal("unix\n", root.Run("modinfo", "-F", "name", "net-pf-1").ToString());
        Assert.Equal("modinfo: ERROR: Module nope not found.\n[1]\n", root.Run("modinfo", "nope").ToString());
        Assert.Equal("modinfo: ERROR: missing module or filename.\n[1]\n", root.Run("modinfo").ToString());
    }

    [Theory]
    [InlineData("human", "Module: cuse\n\tDevice node: /dev/cuse\n\t\tType: character device\n\t\tMajor: 10\n\t\tMinor: 203\nModule: tun\n\tDevice node: /dev/net/tun\n\t\tType: character device\n\t\tMajor: 10\n\t\tMinor: 200\n")]
    [InlineData("tmpfiles", "c! /dev/cuse 0600 - - - 10:203\nd /dev/net 0755 - - -\nc! /dev/net/tun 0600 - - - 10:200\n")]
    [InlineData("devname", "cuse cuse c10:203\ntun net/tun c10:200\n")]
    public void Static_nodes_have_three_forms(string format, string expected)
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.devname", "# comment\ncuse cuse c10:203\ntun net/tun c10:200\n");
        Assert.Equal(expected, root.Run("kmod", "static-nodes", $"--format={format}").ToString());
        Assert.Equal("", root.Run("kmod", "static-nodes", "-f", format, "-o", $"{root.Path}/new/file").ToString());
        Assert.Equal(expected, File.ReadAllText($"{root.Path}/new/file"));
    }

    [Fact]
    public void Static_nodes_ignore_a_missing_file_and_report_bad_lines()
    {
        using var root = new FakeRoot();
        Assert.Equal("Warning: /lib/modules/4.4.4/modules.devname not found - ignoring\n", root.Run("kmod", "static-nodes").ToString());
        root.Write($"lib/modules/{FakeRoot.Release}/modules.devname", "bad\nb b b8:1\n");
        var outcome = root.Run("kmod", "static-nodes", "-f", "devname");
        Assert.Equal(("b b b8:1\n", 1), (outcome.Output, outcome.ExitCode));
    }

    [Fact]
    public void Kmod_has_commands_and_help()
    {
        using var root = new FakeRoot();
        Assert.StartsWith("missing command\n", root.Run("kmod").Error);
        Assert.StartsWith("invalid command 'foo'\n", root.Run("kmod", "foo").Error);
        Assert.StartsWith("kmod - Manage kernel modules: list, load, unload, etc\nUsage:\n\tkmod [options]", root.Run("kmod", "--help").Output);
        Assert.Equal("kmod version 34\n+ZSTD +XZ +ZLIB +LIBCRYPTO\n", root.Run("kmod", "--version").ToString());
    }

    [Fact]
    public void Ksyms_shows_exported_symbols_with_their_modules()
    {
        using var root = new FakeRoot().Write("proc/kallsyms", "ff01 T printk\nff02 r __ksymtab_printk\nff03 t hidden\nff10 T ext4_do\t[ext4]\nff11 r __ksymtab_ext4_do\t[ext4]\n");
        Assert.Equal("ff01              printk\nff10              ext4_do                           [ext4]\n", root.Run("ksyms", "-H").ToString());
        Assert.Equal("ff10              ext4_do                           [ext4]\n", root.Run("ksyms", "-H", "ext4_*").ToString());
        Assert.Equal("ff03              hidden\n", root.Run("ksyms", "-aH", "hid*").ToString());
        Assert.Equal("      1  (kernel)\n      1  ext4\n", root.Run("ksyms", "-mH").ToString());
    }
}
