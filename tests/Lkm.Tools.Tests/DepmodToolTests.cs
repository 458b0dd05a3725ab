namespace Lkm.Tools.Tests;

public class DepmodToolTests
{
    private static FakeRoot Tree()
    {
        var root = new FakeRoot();
        root.Module("kernel/a.ko", new ModuleImage().Export("a_do").Info("alias", "pci:v1-*").Info("alias", "plain").Info("softdep", "pre: b"))
            .Module("kernel/sub/b-x.ko", new ModuleImage().Export("b_do").Import("a_do").Info("alias", "devname:bdev").Info("alias", "char-major-10-200"))
            .Module("kernel/c.ko", new ModuleImage().Import("b_do").Info("weakdep", "a b-x"));
        root.Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "kernel/net/unix.ko\n")
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin.modinfo", "unix.license=GPL\0unix.alias=net-pf-1\0")
            .Write($"lib/modules/{FakeRoot.Release}/modules.order", "kernel/c.ko\nkernel/sub/b-x.ko\n");
        return root;
    }

    [Fact]
    public void It_prints_all_text_files()
    {
        using var root = Tree();
        Assert.Equal("""
            kernel/c.ko: kernel/sub/b-x.ko kernel/a.ko
            kernel/sub/b-x.ko: kernel/a.ko
            kernel/a.ko:
            # Aliases extracted from modules themselves.
            alias devname:bdev b_x
            alias char-major-10-200 b_x
            alias pci:v1-* a
            alias plain a
            # Soft dependencies extracted from modules themselves.
            softdep a pre: b
            # Weak dependencies extracted from modules themselves.
            weakdep c a b-x
            # Aliases for symbols, used by symbol_request().
            alias symbol:b_do b_x
            alias symbol:a_do a
            # Device nodes to trigger on-demand module loading.
            b_x bdev c10:200

            """, root.Run("depmod", "-n").ToString());
        Assert.False(File.Exists($"{root.Modules}/modules.dep"));
    }

    [Fact]
    public void It_writes_eleven_files_with_the_same_bytes_each_time_and_leaves_nothing_behind()
    {
        using var root = Tree();
        root.Depmod();
        var first = Directory.GetFiles(root.Modules, "modules.*").ToDictionary(file => Path.GetFileName(file)!, File.ReadAllBytes);
        Assert.Equal(
            ["modules.alias", "modules.alias.bin", "modules.builtin", "modules.builtin.alias.bin", "modules.builtin.bin", "modules.builtin.modinfo", "modules.dep",
             "modules.dep.bin", "modules.devname", "modules.order", "modules.softdep", "modules.symbols", "modules.symbols.bin", "modules.weakdep"],
            first.Keys.Order(StringComparer.Ordinal));
        root.Depmod();
        Assert.All(first, file => Assert.Equal(file.Value, File.ReadAllBytes($"{root.Modules}/{file.Key}")));
        Assert.True(!OperatingSystem.IsLinux() || File.GetUnixFileMode($"{root.Modules}/modules.dep").ToString() == "OtherRead, GroupRead, UserWrite, UserRead");
    }

    [Theory]
    [InlineData("", "updates/a.ko")]
    [InlineData("search built-in updates\n", "foo/a.ko")]
    [InlineData("search foo built-in\n", "foo/a.ko")]
    [InlineData("search foobar foo\n", "foobar/a.ko")]
    [InlineData("search built-in\nsearch foo\n", "foobar/a.ko")]
    [InlineData("override a 4.4.4 kernel\n", "kernel/a.ko")]
    [InlineData("override a ^4\\.[0-9] foo\n", "foo/a.ko")]
    [InlineData("override a 5 foo\n", "updates/a.ko")]
    [InlineData("exclude updates foobar foo\n", "kernel/a.ko")]
    public void Search_override_and_exclude_decide_among_files_of_one_name(string configuration, string expected)
    {
        using var root = new FakeRoot();
        foreach (var directory in (string[])["updates", "kernel", "foo", "foobar"])
        {
            root.Module($"{directory}/a.ko", new ModuleImage());
        }
        root.Write("etc/depmod.d/x.conf", configuration).Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        Assert.StartsWith($"{expected}:\n#", root.Run("depmod", "-n").Output);
    }

    [Theory]
    [InlineData("search external built-in\n", true)]
    [InlineData("search built-in external\n", false)]
    public void External_directories_have_their_place_in_the_search(string search, bool externalWins)
    {
        using var root = new FakeRoot();
        root.Module("kernel/a.ko", new ModuleImage()).Write("ext/a.ko", new ModuleImage().ToBytes())
            .Write("etc/depmod.d/x.conf", $"external * {root.Path}/ext\n{search}").Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        Assert.StartsWith(externalWins ? "/ext/a.ko:\n" : "kernel/a.ko:\n", root.Run("depmod", "-n").Output);
    }

    /// <summary>Each tree as <c>name:needs</c>, and what kmod 30 says about it.</summary>
    [Theory]
    [InlineData("a:b b:a", "b -> a -> b", 2)]
    [InlineData("a:b b:c c:b,a", "c -> a -> b -> c|c -> b -> c", 3)]
    [InlineData("loop_a:loop_b loop_b:loop_c loop_c:loop_a other:loop_a free:", "loop_b -> loop_c -> loop_a -> loop_b", 3)]
    [InlineData(
        "mod_loop_a:mod_loop_b mod_loop_b:mod_loop_c mod_loop_c:mod_loop_a mod_loop_d:mod_loop_e mod_loop_e:mod_loop_d mod_loop_f:mod_loop_g mod_loop_g: " +
        "mod_loop_h:mod_loop_i mod_loop_i:mod_loop_j mod_loop_j:mod_loop_h,mod_loop_k mod_loop_k:mod_loop_h",
        "mod_loop_d -> mod_loop_e -> mod_loop_d|mod_loop_i -> mod_loop_j -> mod_loop_k -> mod_loop_h -> mod_loop_i|" +
        "mod_loop_i -> mod_loop_j -> mod_loop_h -> mod_loop_i|mod_loop_c -> mod_loop_a -> mod_loop_b -> mod_loop_c",
        9)]
    public void Reports_about_dependency_cycles_are_in_kmods_order(string tree, string loops, int count)
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        foreach (var module in tree.Split(' '))
        {
            var (name, needs) = (module[..module.IndexOf(':')], module[(module.IndexOf(':') + 1)..]);
            var image = new ModuleImage().Export($"do_{name}");
            foreach (var need in needs.Split(',', StringSplitOptions.RemoveEmptyEntries))
            {
                image.Import($"do_{need}");
            }
            root.Module($"kernel/{name}.ko", image);
        }
        var expected = string.Concat(loops.Split('|').Select(static loop => $"depmod: ERROR: Cycle detected: {loop}\n"));
        Assert.Equal($"{expected}depmod: ERROR: Found {count} modules in dependency cycles!\n[1]\n", root.Run("depmod").ToString());
    }

    [Fact]
    public void Modules_that_the_order_does_not_list_come_as_from_kmods_table()
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.order", "z.ko\n");
        foreach (var name in (string[])["a", "b", "c", "d", "e", "f", "x", "z"])
        {
            root.Module($"{name}.ko", new ModuleImage());
        }
        Assert.StartsWith("z.ko:\nc.ko:\nb.ko:\nd.ko:\na.ko:\nx.ko:\ne.ko:\nf.ko:\n#", root.Run("depmod", "-n").Output);
    }

    [Fact]
    public void A_loop_that_does_not_lead_through_the_module_where_the_search_began_ends_too()
    {
        using var root = new FakeRoot().Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        root.Module("a.ko", new ModuleImage().Export("a").Import("b").Import("c")).Module("b.ko", new ModuleImage().Export("b").Import("a"))
            .Module("c.ko", new ModuleImage().Export("c").Import("a"));
        Assert.EndsWith("Found 3 modules in dependency cycles!\n[1]\n", root.Run("depmod").ToString());
    }

    [Fact]
    public void Dependency_cycles_are_named_and_nothing_is_written()
    {
        using var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Export("a_do").Import("b_do")).Module("b.ko", new ModuleImage().Export("b_do").Import("a_do"))
            .Module("c.ko", new ModuleImage()).Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        Assert.Equal("""
            depmod: ERROR: Cycle detected: b -> a -> b
            depmod: ERROR: Found 2 modules in dependency cycles!
            [1]

            """, root.Run("depmod").ToString());
        Assert.False(File.Exists($"{root.Modules}/modules.dep"));
    }

    [Theory]
    [InlineData("depmod: ERROR: Bad version passed foo\n[1]\n", "foo")]
    [InlineData("depmod: FATAL: -P only takes a single char\n[1]\n", "-P", "ab")]
    [InlineData("depmod: FATAL: foo: not absolute path.\n[1]\n", "1.0", "foo")]
    [InlineData("depmod: FATAL: could not load /nonexistent: No such file or directory\n[1]\n", "-e", "-F", "/nonexistent")]
    [InlineData("depmod: unrecognized option '--bogus'\n[1]\n", "--bogus")]
    [InlineData("depmod: option requires an argument -- 'b'\n[1]\n", "-b")]
    [InlineData("depmod: ERROR: could not open directory /lib/modules/1.0: No such file or directory\ndepmod: FATAL: could not search modules: No such file or directory\n[1]\n", "1.0")]
    public void Unusable_arguments_have_kmods_messages(string expected, params string[] arguments)
    {
        using var root = new FakeRoot();
        Assert.Equal(expected, root.Run("depmod", arguments).ToString());
    }

    [Fact]
    public void Symbols_that_nothing_supplies_are_reported()
    {
        using var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Export("a_do", 7)).Module("b.ko", new ModuleImage().Import("a_do", 8).Import("printk", 1).Import("missing", 1))
            .Write("System.map", "ffff R __ksymtab_printk\n").Write("Module.symvers", "0x00000002\tprintk\tvmlinux\tEXPORT_SYMBOL\n")
            .Write($"lib/modules/{FakeRoot.Release}/modules.order", "");
        Assert.Equal("depmod: WARNING: /lib/modules/4.4.4/b.ko needs unknown symbol missing\n", root.Run("depmod", "-n", "-e", "-F", $"{root.Path}/System.map").Error);
        Assert.Equal("""
            depmod: WARNING: /lib/modules/4.4.4/b.ko disagrees about version of symbol a_do
            depmod: WARNING: /lib/modules/4.4.4/b.ko disagrees about version of symbol printk
            depmod: WARNING: /lib/modules/4.4.4/b.ko needs unknown symbol missing

            """, root.Run("depmod", "-n", "-e", "-E", $"{root.Path}/Module.symvers").Error);
    }

    [Fact]
    public void Files_that_are_no_modules_are_reported_and_only_lkm_fails()
    {
        using var root = new FakeRoot();
        root.Write($"lib/modules/{FakeRoot.Release}/bad.ko", "this is certainly not an ELF file").Write($"lib/modules/{FakeRoot.Release}/modules.order", "")
            .Write($"lib/modules/{FakeRoot.Release}/cut.ko.xz", [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, 1, 2]);
        var outcome = root.Run("depmod", "-n");
        Assert.Contains("depmod: ERROR: failed to load symbols from /lib/modules/4.4.4/bad.ko: Exec format error\n", outcome.Error);
        Assert.Contains("depmod: ERROR: failed to load symbols from /lib/modules/4.4.4/cut.ko.xz: Invalid argument\n", outcome.Error);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(1, root.RunImproved("depmod", "-n").ExitCode);
    }

    [Fact]
    public void Directories_of_other_places_are_read_and_written()
    {
        using var root = Tree();
        Directory.Move(root.Modules, $"{root.Path}/moved");
        Directory.CreateDirectory($"{root.Path}/stage/usr/lib/mods");
        Directory.Move($"{root.Path}/moved", $"{root.Path}/stage/usr/lib/mods/4.4.4");
        Assert.Equal("", root.Run("depmod", "-b", $"{root.Path}/stage", "-m", "usr/lib/mods", "-o", $"{root.Path}/out").ToString());
        Assert.StartsWith("kernel/c.ko: ", File.ReadAllText($"{root.Path}/out/usr/lib/mods/4.4.4/modules.dep"));
        Assert.False(File.Exists($"{root.Path}/stage/usr/lib/mods/4.4.4/modules.dep"));
    }

    [Fact]
    public void Quick_runs_do_nothing_if_nothing_is_newer_and_read_only_what_changed()
    {
        using var root = Tree();
        Assert.Equal("", root.Run("depmod", "-A").ToString());
        var before = File.GetLastWriteTimeUtc($"{root.Modules}/modules.dep");
        Assert.Equal("", root.Run("depmod", "-A").ToString());
        Assert.Equal(before, File.GetLastWriteTimeUtc($"{root.Modules}/modules.dep"));
        root.Module("kernel/d.ko", new ModuleImage().Import("b_do"));
        File.SetLastWriteTimeUtc($"{root.Modules}/kernel/d.ko", DateTime.UtcNow.AddMinutes(1));
        Assert.Equal("", root.Run("depmod", "-A").ToString());
        Assert.Contains("kernel/d.ko: kernel/sub/b-x.ko kernel/a.ko\n", File.ReadAllText($"{root.Modules}/modules.dep"));
        var incremental = File.ReadAllBytes($"{root.Modules}/modules.dep.bin");
        Assert.Equal("", root.Run("depmod", "-a").ToString());
        Assert.Equal(File.ReadAllBytes($"{root.Modules}/modules.dep.bin"), incremental);
    }

    [Fact]
    public void Duplicates_and_bad_brackets_are_worth_a_warning()
    {
        using var root = new FakeRoot();
        root.Module("a.ko", new ModuleImage().Info("alias", "x").Info("alias", "x").Info("alias", "y[z")).Write($"lib/modules/{FakeRoot.Release}/modules.order", "")
            .Write($"lib/modules/{FakeRoot.Release}/modules.builtin", "").Write($"lib/modules/{FakeRoot.Release}/modules.builtin.modinfo", "");
        Assert.Equal("depmod: WARNING: duplicate module alias:\nx a\ndepmod: WARNING: Unmatched bracket in y[z\n", root.Run("depmod", "-w").ToString());
        Assert.EndsWith("alias x a\nalias x a\nalias y[z a\n", File.ReadAllText($"{root.Modules}/modules.alias"));
    }
}
