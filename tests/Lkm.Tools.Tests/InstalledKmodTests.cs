using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Lkm.Tools.Tests;

/// <summary>Odd trees: the tools say of them, and do with them, what the installed kmod does.</summary>
public class InstalledKmodTests
{
    private static FakeRoot OddTree()
    {
        var root = new FakeRoot();
        root.Module("kernel/a.ko", new ModuleImage().Export("a_do").Info("alias", "first:*"))
            .Module("kernel/b.ko", new ModuleImage().Import("a_do"))
            .Module("kernel/c.ko", new ModuleImage().Import("a_do").Info("softdep", "pre: x_y post: absent"))
            .Module("kernel/x-y_z.ko", new ModuleImage())
            .Module("kernel/two.dots.ko", new ModuleImage())
            .Module("kernel/with space.ko", new ModuleImage())
            .Module("kernel/directory.ko/inside.ko", new ModuleImage())
            .Module("extra/not-a-module.ko.bak", new ModuleImage())
            .Write($"lib/modules/{FakeRoot.Release}/kernel/readme.txt", "no module")
            .Write($"lib/modules/{FakeRoot.Release}/modules.order", "kernel/c.ko\nkernel/no-such.ko\nkernel/b.ko\n")
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "kernel/net/unix.ko\n")
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin.modinfo", "unix.license=GPL\0")
            .Write("proc/cmdline", File.ReadAllText("/proc/cmdline"));
        File.CreateSymbolicLink($"{root.Modules}/kernel/link.ko", "a.ko");
        File.CreateSymbolicLink($"{root.Modules}/kernel/dangling.ko", "nowhere.ko");
        File.CreateSymbolicLink($"{root.Modules}/build", "/no/such/folder");
        return root;
    }

    [Fact]
    public void Depmod_reads_a_tree_with_odd_names_links_and_folders()
    {
        using var root = OddTree();
        Compare(root, "depmod", ["-n"], ["-n", "-b", root.Path, FakeRoot.Release]);
    }

    [Theory]
    [InlineData("empty", "")]
    [InlineData("text", "this is no module, and long enough that it could be one: 0123456789 0123456789 0123456789")]
    [InlineData("magic", "\u007fELF")]
    public void Depmod_reads_a_tree_with_a_file_that_is_no_module(string name, string content)
    {
        using var root = OddTree();
        root.Write($"lib/modules/{FakeRoot.Release}/kernel/{name}.ko", content);
        Compare(root, "depmod", ["-n"], ["-n", "-b", root.Path, FakeRoot.Release]);
    }

    [Theory]
    [InlineData("-D", "b")]
    [InlineData("-D", "x-y_z")]
    [InlineData("-D", "x_y-z")]
    [InlineData("-D", "two")]
    [InlineData("-D", "two.dots")]
    [InlineData("-D", "inside")]
    [InlineData("-D", "link")]
    [InlineData("-D", "dangling")]
    [InlineData("-D", "directory")]
    [InlineData("-D", "unix")]
    [InlineData("-D", "first:anything")]
    [InlineData("-D", "absent")]
    [InlineData("-D", "")]
    [InlineData("-R", "b")]
    [InlineData("-R", "first:anything")]
    [InlineData("-R", "absent")]
    [InlineData("-D", "first:[")]
    [InlineData("-D", "a/b")]
    public void Modprobe_looks_up_odd_names(string option, string name)
    {
        using var root = OddTree();
        Assert.Equal(0, Kmod(root, "depmod", "-b", root.Path, FakeRoot.Release).ExitCode);
        Compare(root, "modprobe", [option, name], [option, "-C", "/dev/null", "-d", root.Path, "-S", FakeRoot.Release, name]);
    }

    [Theory]
    [InlineData("kernel/b.ko", "-D", "b")]
    [InlineData("modules.dep.bin", "-D", "b")]
    [InlineData("modules.dep.bin", "-D", "absent")]
    [InlineData("modules.alias.bin", "-D", "first:x")]
    [InlineData("modules.builtin.bin", "-D", "unix")]
    public void Modprobe_finds_a_file_gone_since_depmod_ran(string gone, string option, string name)
    {
        using var root = OddTree();
        Assert.Equal(0, Kmod(root, "depmod", "-b", root.Path, FakeRoot.Release).ExitCode);
        File.Delete($"{root.Modules}/{gone}");
        Compare(root, "modprobe", [option, name], [option, "-C", "/dev/null", "-d", root.Path, "-S", FakeRoot.Release, name]);
    }

    [Theory]
    [InlineData("options a x=1")] // no newline at the end
    [InlineData("options a \\\n  x=1 \\\n  y=2\noptions b z\n")]
    [InlineData("  \t options   a\tx=1   y=2  \n\n\n# comment\n   # another\n")]
    [InlineData("alias one-two x-y\nalias three[0-9]* b\nalias bad[ c\n")]
    [InlineData("blacklist x-y\nblacklist\noptions\nalias only\ninstall a\nnonsense a b\n")]
    [InlineData("softdep a pre: b c post: d\nsoftdep b post: c\nsoftdep c\nsoftdep d b\n")]
    [InlineData("install a /bin/true $CMDLINE_OPTS\nremove a /bin/false\n")]
    [InlineData("options a x=\"1 2\" y='3 #4' # no comment here\n")]
    public void Modprobe_shows_a_configuration(string text)
    {
        using var root = OddTree();
        Assert.Equal(0, Kmod(root, "depmod", "-b", root.Path, FakeRoot.Release).ExitCode);
        root.Write("etc/modprobe.d/x.conf", text);
        var file = $"{root.Path}/etc/modprobe.d";
        Compare(root, "modprobe", ["-c", "-C", file], ["-c", "-C", file, "-d", root.Path, "-S", FakeRoot.Release]);
    }

    [Fact]
    public void A_very_long_line_of_configuration_is_read_whole()
    {
        using var root = OddTree();
        Assert.Equal(0, Kmod(root, "depmod", "-b", root.Path, FakeRoot.Release).ExitCode);
        var options = string.Join(' ', Enumerable.Range(0, 20_000).Select(i => $"p{i}=v{i}"));
        root.Write("etc/modprobe.d/x.conf", $"options a {options}\n");
        Compare(root, "modprobe", ["-D", "a"], ["-D", "-C", $"{root.Path}/etc/modprobe.d", "-d", root.Path, "-S", FakeRoot.Release, "a"]);
    }

    private static void Compare(FakeRoot root, string tool, string[] arguments, string[] kmodArguments)
    {
        var expected = Kmod(root, tool, kmodArguments);
        var found = root.Run(tool, arguments);
        Assert.True(Comparable(expected) == Comparable(found), $"kmod:\n{Comparable(expected)}lkm:\n{Comparable(found)}");
    }

    /// <summary>What is newer than the installed kmod, and what differs from call to call, left out.</summary>
    private static string Comparable(Outcome outcome) =>
        string.Concat(outcome.ToString().Split('\n').Where(line => !line.Contains("eak dep", StringComparison.Ordinal)).Select(line => line + "\n"));

    private static Outcome Kmod(FakeRoot root, string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo($"/sbin/{tool}") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, Clean(output), Clean(error.Result));

        // The place in kmod's source, and a blank that kmod 30 forgot.
        string Clean(string text)
        {
            text = text.Replace(root.Path, "", StringComparison.Ordinal);
            text = Regex.Replace(text, @"ERROR:? \.\./libkmod/[a-z-]+\.c:\d+ ", "ERROR: ");
            return Regex.Replace(text, @"(?<=^softdep .*\S)post:", " post:", RegexOptions.Multiline);
        }
    }
}
