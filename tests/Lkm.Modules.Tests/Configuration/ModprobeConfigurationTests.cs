using System.Text;

namespace Lkm.Modules.Tests;

public class ModprobeConfigurationTests
{
    private static ModprobeConfiguration Parse(string text) => ModprobeConfiguration.Parse(Encoding.UTF8.GetBytes(text), "a.conf");

    private static ModprobeConfiguration FromCommandLine(string line)
    {
        using var folder = new TemporaryFolder();
        folder.Write("cmdline", line);
        return ModprobeConfiguration.Load(new() { KernelCommandLine = folder.PathOf("cmdline") });
    }

    [Fact]
    public void Each_command_is_read_and_its_names_normalised()
    {
        var configuration = Parse("""
            # a comment
            alias eth-[0-9] e1000-e extra
            blacklist bad-one more
            options snd-x  index=1	model=y
            install foo-* /bin/true  $CMDLINE_OPTS
            remove foo rm -x
            softdep c-d pre: a-b e post: f
            weakdep c g-h i
            mask evil-*
            """);
        Assert.Equal("eth_[0-9] e1000_e", Assert.Single(configuration.Aliases) is var alias ? $"{alias.Pattern} {alias.Module}" : "");
        Assert.Equal(["bad_one"], configuration.Blacklist);
        Assert.Equal(("snd_x", " index=1 model=y"), Assert.Single(configuration.Options) is var line ? (line.Module, line.Options) : default);
        Assert.Equal(("foo_*", "/bin/true  $CMDLINE_OPTS"), Assert.Single(configuration.InstallCommands) is var install ? (install.Pattern, install.Command) : default);
        Assert.Equal(("foo", "rm -x"), Assert.Single(configuration.RemoveCommands) is var remove ? (remove.Pattern, remove.Command) : default);
        var soft = Assert.Single(configuration.SoftDependencies);
        Assert.Equal(("c_d", "a-b e", "f"), (soft.Pattern, string.Join(' ', soft.Pre), string.Join(' ', soft.Post)));
        Assert.Equal(["g-h", "i"], Assert.Single(configuration.WeakDependencies).Modules);
        Assert.Equal(("evil_*", "a.conf", 9), Assert.Single(configuration.Masks) is var mask ? (mask.Pattern, mask.File, mask.Line) : default);
        Assert.Empty(configuration.Problems);
    }

    [Fact]
    public void Backslashes_join_lines_and_quote_the_next_character()
    {
        var configuration = Parse("install foo echo \\$x \\\\ y\\\n  z\noptions a b\\\n\\\nc\nbad");
        Assert.Equal("echo $x \\ y  z", configuration.InstallCommands[0].Command);
        Assert.Equal("bc", configuration.Options[0].Options);
        Assert.Equal("a.conf line 6: ignoring bad line starting with 'bad'", configuration.Problems[0].ToString());
    }

    [Theory]
    [InlineData("frobnicate x", "frobnicate")]
    [InlineData("  bar", "bar")]
    [InlineData(" # not at the start", "#")]
    [InlineData("blacklist", "blacklist")]
    [InlineData("alias x", "alias")]
    [InlineData("alias a[b x", "alias")]
    [InlineData("alias x c]d", "alias")]
    [InlineData("options x", "options")]
    [InlineData("options x ", "options")]
    [InlineData("softdep x", "softdep")]
    [InlineData("weakdep x", "weakdep")]
    [InlineData("install x", "install")]
    [InlineData("mask", "mask")]
    public void Lines_that_lack_something_are_reported_and_passed_over(string line, string subject)
    {
        var configuration = Parse($"blacklist before\n{line}\nblacklist after\n");
        Assert.Equal(["before", "after"], configuration.Blacklist);
        Assert.Equal(new ConfigurationProblem(ConfigurationProblemKind.BadLine, "a.conf", 2, subject), Assert.Single(configuration.Problems));
    }

    [Fact]
    public void Include_and_config_are_deprecated() =>
        Assert.Equal("a.conf: command include is deprecated and not parsed anymore", Parse("include /etc/x\n").Problems[0].ToString());

    [Fact]
    public void The_first_directory_that_has_a_name_wins_and_names_are_read_in_order()
    {
        using var folder = new TemporaryFolder();
        folder.Write("etc/modprobe.d/x.conf", "blacklist etc-x\n");
        folder.Write("usr/lib/modprobe.d/x.conf", "blacklist usr-x\n");
        folder.Write("usr/lib/modprobe.d/w.conf", "blacklist usr-w\n");
        folder.Write("run/modprobe.d/no", "blacklist no\n");
        folder.Write("run/modprobe.d/.hidden.conf", "blacklist no\n");
        folder.Write("run/modprobe.d/.conf", "blacklist no\n");
        folder.Write("lib/modprobe.d/sub.conf/y.conf", "blacklist no\n");
        folder.Write("etc/modprobe.conf", "blacklist old\n");
        folder.Write("modules/modules.softdep", "softdep a pre: first\n");
        folder.Write("etc/modprobe.d/zz.conf", "softdep a pre: second\n");
        folder.Write("proc/cmdline", "quiet modprobe.blacklist=b-c");
        var configuration = ModprobeConfiguration.Load(ConfigurationSources.ForSystem(folder.PathOf("modules"), folder.Path));
        Assert.Equal(["old", "usr_w", "etc_x", "b-c"], configuration.Blacklist);
        Assert.Equal(["first", "second"], configuration.SoftDependencies.Select(soft => soft.Pre[0]));
        Assert.Equal([ConfigurationProblemKind.NestedDirectory, ConfigurationProblemKind.DeprecatedFile], configuration.Problems.Select(problem => problem.Kind));
    }

    [Theory]
    [InlineData("a-b.c-d=1", "a_b", "c-d=1")]
    [InlineData("\"q.x=a b\"", "q", "x=\"a b\"")]
    [InlineData("q.y=\"c d\"", "q", "y=\"c d\"")]
    [InlineData("q.z", "q", "z")]
    [InlineData("quiet root=/dev/sda1.2 a.b=c.d", "a", "b=c.d")]
    public void The_kernel_command_line_gives_options(string line, string module, string options) =>
        Assert.Equal((module, options), Assert.Single(FromCommandLine(line).Options) is var found ? (found.Module, found.Options) : default);

    [Theory]
    [InlineData("a.b.c=1")]
    [InlineData("e=f.g")]
    [InlineData("h.i=\"x")]
    [InlineData("plain")]
    [InlineData("\"a b.c=d\"")]
    [InlineData("module_blacklist=x")]
    public void Other_words_of_the_kernel_command_line_are_not_for_modules(string line)
    {
        var configuration = FromCommandLine(line);
        Assert.Empty(configuration.Options);
        Assert.Empty(configuration.Blacklist);
    }

    [Fact]
    public void The_kernel_command_line_blacklists() =>
        Assert.Equal(["a", "b-c", "", "d"], FromCommandLine("x modprobe.blacklist=a,b-c,,d\n").Blacklist);

    [Fact]
    public void Damaged_configuration_is_read_without_crash()
    {
        var good = Encoding.UTF8.GetBytes("alias a-[b] c\noptions d e=\\\nf\ninstall g h\nsoftdep i pre: j post: k\nmask l\n#\0\nblacklist m");
        var random = new Random(5);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = good.AsSpan(0, random.Next(good.Length + 1)).ToArray();
            for (var n = random.Next(5); n >= 0 && bytes.Length > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            ModprobeConfiguration.Parse(bytes, "damaged");
        }
    }
}
