using Lkm.Formats;

namespace Lkm.Tools.Tests;

public class ModprobeToolTests
{
    private const string Directory = "/lib/modules/4.4.4";

    private static FakeRoot Root(string configuration = "")
    {
        var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Export("a_do").Info("alias", "pci:v1*"))
            .Module("b.ko", new ModuleImage().Export("b_do").Import("a_do").Info("alias", "pci:v1d2"))
            .Module("c.ko", new ModuleImage().Import("b_do"))
            .Module("d-x.ko", new ModuleImage())
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "kernel/net/unix.ko\n")
            .Write("etc/modprobe.d/test.conf", configuration);
        return root.Depmod();
    }

    [Fact]
    public void Dependencies_are_shown_in_the_order_of_loading()
    {
        using var root = Root("options b x=1\n");
        Assert.Equal($"insmod {Directory}/a.ko \ninsmod {Directory}/b.ko x=1 \ninsmod {Directory}/c.ko y=2 z=\"3 4\"\n", root.Run("modprobe", "-D", "c", "y=2", "z=3 4").ToString());
        Assert.Equal("builtin unix\n", root.Run("modprobe", "-D", "unix").ToString());
        Assert.Empty(root.Calls);
    }

    [Fact]
    public void Inserting_loads_what_is_not_loaded_yet()
    {
        using var root = Root("options c p=1\n").Load("a");
        Assert.Equal("", root.Run("modprobe", "c", "q=2").ToString());
        Assert.Equal(["finit b '' 0", "finit c 'p=1 q=2' 0"], root.Calls);
        Assert.Equal("", root.Run("modprobe", "c").ToString());
        Assert.Equal(2, root.Calls.Count);
        Assert.Equal("modprobe: ERROR: could not insert 'c': Module already in kernel\n[1]\n", root.Run("modprobe", "--first-time", "c").ToString());
    }

    [Theory]
    [InlineData("-f", 3)]
    [InlineData("--force-vermagic", 2)]
    [InlineData("--force-modversion", 1)]
    public void Force_becomes_flags_of_the_system_call(string option, int flags)
    {
        using var root = Root();
        Assert.Equal("", root.Run("modprobe", option, "d-x").ToString());
        Assert.Equal([$"finit d_x '' {flags}"], root.Calls);
    }

    [Fact]
    public void A_kernel_without_finit_module_gets_the_image()
    {
        using var root = Root();
        root.KnowsFinitModule = false;
        Assert.Equal("", root.Run("modprobe", "-f", "d-x").ToString());
        Assert.Equal(["init d_x '' 0"], root.Calls);
    }

    [Fact]
    public void Not_finding_a_module_is_fatal_unless_all_are_asked_for()
    {
        using var root = Root();
        Assert.Equal($"modprobe: FATAL: Module nope not found in directory {Directory}\n[1]\n", root.Run("modprobe", "nope").ToString());
        Assert.Equal("[1]\n", root.Run("modprobe", "-q", "nope").ToString());
        Assert.Equal($"modprobe: WARNING: Module nope not found in directory {Directory}\n[1]\n", root.Run("modprobe", "-a", "nope", "d-x").ToString());
        Assert.Equal(["finit d_x '' 0"], root.Calls);
    }

    [Theory]
    [InlineData(Errno.ENOEXEC, "Exec format error")]
    [InlineData(Errno.ENOENT, "Unknown symbol in module, or unknown parameter (see dmesg)")]
    [InlineData(Errno.EPERM, "Operation not permitted")]
    public void Failures_name_the_module_asked_for_and_with_lkm_the_one_that_failed(Errno errno, string words)
    {
        using var root = Root();
        root.Answers["a"] = errno;
        Assert.Equal($"modprobe: ERROR: could not insert 'c': {words}\n[1]\n", root.Run("modprobe", "c").ToString());
        Assert.Equal(["finit a '' 0"], root.Calls);
        Assert.Equal($"modprobe: ERROR: could not insert 'c': {Directory}/a.ko: {errno.Message()}\n[1]\n", root.RunImproved("modprobe", "c").ToString());
    }

    [Fact]
    public void Aliases_resolve_to_all_their_modules_by_priority()
    {
        using var root = Root("alias my-* d-x\nblacklist b\n");
        Assert.Equal("b\na\n", root.Run("modprobe", "-R", "pci:v1d2").ToString());
        Assert.Equal("d_x\n", root.Run("modprobe", "-R", "my-card").ToString());
        Assert.Equal("", root.Run("modprobe", "pci:v1d2").ToString());
        Assert.Equal(["finit a '' 0"], root.Calls);
    }

    [Fact]
    public void Blacklists_do_not_stop_names_unless_asked_to()
    {
        using var root = Root("blacklist d-x\n");
        Assert.Equal("", root.Run("modprobe", "-b", "d-x").ToString());
        Assert.Empty(root.Calls);
        Assert.Equal("", root.Run("modprobe", "d-x").ToString());
        Assert.Single(root.Calls);
    }

    [Fact]
    public void Install_commands_run_with_options_filled_in()
    {
        using var root = Root("install d-x echo $CMDLINE_OPTS\noptions d-x o=1\ninstall bad false\n");
        Assert.Equal("", root.Run("modprobe", "-q", "d-x", "p=2").ToString());
        Assert.Equal(["MODPROBE_MODULE=d_x MODPROBE_OPTIONS=-q echo o=1 p=2"], root.Ran);
        Assert.Equal("install echo $CMDLINE_OPTS o=1 p=2\n", root.Run("modprobe", "-D", "d-x", "p=2").ToString());
        root.Commands["false"] = 3;
        Assert.Equal("""
            modprobe: ERROR: Error running install command 'false' for module bad: retcode 3
            modprobe: ERROR: could not insert 'bad': Invalid argument
            [1]

            """, root.Run("modprobe", "bad").ToString());
        Assert.Equal("", root.Run("modprobe", "-i", "d-x").ToString());
        Assert.Equal(["finit d_x 'o=1 ' 0"], root.Calls);
    }

    [Fact]
    public void Soft_dependencies_come_around_and_may_fail()
    {
        using var root = Root("softdep c pre: d-x post: missing\n");
        root.Answers["d_x"] = Errno.ENODEV;
        Assert.Equal("", root.Run("modprobe", "c").ToString());
        Assert.Equal(["finit a '' 0", "finit b '' 0", "finit d_x '' 0", "finit c '' 0"], root.Calls);
    }

    [Fact]
    public void A_mask_is_not_got_around()
    {
        using var root = Root("mask a\n");
        foreach (var name in (string[])["a", "c", "pci:v1", $"{root.Modules}/a.ko"])
        {
            var outcome = root.RunImproved("modprobe", "-i", name);
            Assert.Contains("module a is masked by /etc/modprobe.d/test.conf line 1\n", outcome.Error);
            Assert.Equal(1, outcome.ExitCode);
        }
        Assert.Contains("masked by /etc/modprobe.d/test.conf line 1", root.RunImproved("insmod", $"{root.Modules}/a.ko").Error);
        Assert.Empty(root.Calls);
        Assert.Equal("libkmod: ERROR: kmod_config_parse: /etc/modprobe.d/test.conf line 1: ignoring bad line starting with 'mask'\n", root.Run("modprobe", "a").ToString());
    }

    [Fact]
    public void Removing_takes_unused_dependencies_along()
    {
        using var root = Root().Load("a", 0).Load("b", 0).Load("c", 0).Load("d_x", 0);
        Assert.Equal("rmmod c\nrmmod b\nrmmod a\n", root.Run("modprobe", "-rv", "c").ToString());
        Assert.Equal(["delete c 800", "delete b 800", "delete a 800"], root.Calls);
        Assert.Equal("modprobe: FATAL: Module c is not in kernel.\n[1]\n", root.Run("modprobe", "-r", "--first-time", "c").ToString());
        Assert.Equal("", root.Run("modprobe", "-r", "c").ToString());
        Assert.Equal("modprobe: FATAL: Module unix is builtin.\n[1]\n", root.Run("modprobe", "-r", "unix", "d-x").ToString());
        Assert.Equal("modprobe: FATAL: Module nope not found.\n[1]\n", root.Run("modprobe", "-r", "nope").ToString());
        Assert.Equal("modprobe: WARNING: Module unix is builtin.\n[1]\n", root.Run("modprobe", "-r", "-a", "unix", "d-x").ToString());
        Assert.Equal("delete d_x 800", root.Calls[^1]);
    }

    [Fact]
    public void Modules_in_use_stay_unless_waited_for()
    {
        using var root = Root().Load("a", 1, "b").Load("b", 0);
        Assert.Equal("modprobe: FATAL: Module a is in use.\n[1]\n", root.Run("modprobe", "-r", "a").ToString());
        root.Answers["a"] = Errno.EAGAIN;
        Assert.Equal("modprobe: ERROR: could not remove 'a': Resource temporarily unavailable\n[1]\n", root.Run("modprobe", "-r", "-w", "50", "a").ToString());
        Assert.Equal(7, root.Calls.Count);
        root.Answers.Clear();
        root.Calls.Clear();
        root.Load("a", 0, "b");
        Assert.Equal("", root.Run("modprobe", "-r", "-f", "--remove-holders", "a").ToString());
        Assert.Equal(["delete b a00", "delete a a00"], root.Calls);
    }

    [Fact]
    public void Options_come_from_the_environment_first()
    {
        using var root = Root();
        root.Variables["MODPROBE_OPTIONS"] = "-D  '--set-version' \"4.4.4\"";
        Assert.Equal($"insmod {Directory}/d-x.ko \n", root.Run("modprobe", "d-x").ToString());
    }

    [Fact]
    public void The_configuration_is_shown_with_the_indexes()
    {
        using var root = Root("blacklist x-y\ninstall i-* cmd\nremove r cmd\nalias al-[-]b foo-bar baz\noptions  a-b c=\"d\"\nsoftdep foo pre: a b post: c\nweakdep w x y\nbogus\n");
        Assert.Equal("""
            blacklist x_y
            install i_* cmd
            remove r cmd
            alias al_[-]b foo_bar
            options a_b c="d"
            softdep foo pre: a b post: c
            weakdep w x y

            # End of configuration files. Dumping indexes now:

            alias pci:v1* a
            alias pci:v1d2 b
            alias symbol:a_do a
            alias symbol:b_do b
            libkmod: ERROR: kmod_config_parse: /etc/modprobe.d/test.conf line 8: ignoring bad line starting with 'bogus'

            """, root.Run("modprobe", "-c").ToString());
    }

    [Theory]
    [InlineData("modprobe: ERROR: missing parameters. See -h.\n[1]\n")]
    [InlineData("modprobe: unrecognized option '--json'\n[1]\n", "--json")]
    [InlineData("modprobe: invalid option -- 'Z'\n[1]\n", "-vZ")]
    [InlineData("modprobe: option '--config' requires an argument\n[1]\n", "--config")]
    [InlineData("modprobe: option '--all' doesn't allow an argument\n[1]\n", "--al=x")]
    [InlineData("modprobe: option '--s' is ambiguous; possibilities: '--show-depends' '--showconfig' '--show-config' '--show-modversions' '--show-exports' '--show' '--set-version' '--syslog'\n[1]\n", "--s")]
    public void Unusable_arguments_have_the_c_librarys_messages(string expected, params string[] arguments)
    {
        using var root = new FakeRoot();
        Assert.Equal(expected, root.Run("modprobe", arguments).ToString());
    }

    [Fact]
    public void Modules_are_listed_by_pattern()
    {
        using var root = Root();
        Assert.Equal("b.ko\n", root.Run("modprobe", "-l", "b*").ToString());
        Assert.Equal("a.ko\nb.ko\nc.ko\nd-x.ko\n", root.Run("modprobe", "-l").ToString());
    }

    [Fact]
    public void The_old_single_file_is_read_with_a_warning()
    {
        using var root = Root().Write("etc/modprobe.conf", "options d-x o=1\n");
        Assert.Equal($"insmod {Directory}/d-x.ko o=1 \nmodprobe: WARNING: Deprecated config file /etc/modprobe.conf, all config files belong into /etc/modprobe.d/.\n",
            root.Run("modprobe", "-D", "d-x").ToString());
    }
}
