using System.Text;

namespace Lkm.Modules.Tests;

public class ModuleContextTests
{
    private static readonly string[] DependencyLines =
        ["a.ko:", "b.ko: a.ko", "c.ko: b.ko a.ko", "kernel/d-x.ko.xz:", "e.ko:", "f.ko: e.ko"];

    private static ModuleContext Context(string configuration = "", ResolutionRules? rules = null)
    {
        IndexBuilder dependencies = new(), aliases = new(), symbols = new(), builtIn = new(), builtInAliases = new();
        foreach (var line in DependencyLines)
        {
            dependencies.Add(ModuleName.FromPath(line.AsSpan(0, line.IndexOf(':'))), line, 0);
        }
        aliases.Add("pci:v1*", "a", 2);
        aliases.Add("pci:v*", "b", 1);
        aliases.Add("fs_both", "c", 1);
        symbols.Add("symbol:do_it", "d_x", 1);
        builtIn.Add("inside", "", 0);
        builtInAliases.Add("fs_inside", "inside", 0);
        builtInAliases.Add("fs_both", "inside", 0);
        var directory = ModuleDirectory.FromIndexes("/lib/modules/1.0", new Dictionary<ModuleIndexKind, byte[]>
        {
            [ModuleIndexKind.Dependencies] = dependencies.ToBytes(),
            [ModuleIndexKind.Aliases] = aliases.ToBytes(),
            [ModuleIndexKind.Symbols] = symbols.ToBytes(),
            [ModuleIndexKind.BuiltIn] = builtIn.ToBytes(),
            [ModuleIndexKind.BuiltInAliases] = builtInAliases.ToBytes(),
        });
        return new(directory, ModprobeConfiguration.Parse(Encoding.UTF8.GetBytes(configuration), "test.conf"), rules);
    }

    private static string Names(IEnumerable<ModuleEntry> modules) => string.Join(' ', modules.Select(module => module.Name));

    private static string Plan(ModuleContext context, string name, bool ignoreCommands = false) =>
        string.Join(' ', context.PlanInsert(context.Lookup(name)[0], ignoreCommands).Select(step => step.InstallCommand is null ? step.Module.Name : $"{step.Module.Name}!"));

    [Theory]
    [InlineData("a", "a")]
    [InlineData("d-x", "d_x")]
    [InlineData("pci:v1d2", "b a")]
    [InlineData("symbol:do_it", "d_x")]
    [InlineData("inside", "inside")]
    [InlineData("fs-inside", "inside")]
    [InlineData("fs-both", "c")]
    [InlineData("nothing", "")]
    [InlineData("a.ko", "")]
    [InlineData("a[", "")]
    public void The_first_source_that_knows_a_name_decides(string name, string expected) =>
        Assert.Equal(expected, Names(Context().Lookup(name)));

    [Fact]
    public void Alias_commands_come_before_everything_and_do_not_chain()
    {
        var context = Context("alias a* x\nalias ab y\nalias x z\ninstall cmd true\nremove gone true\n");
        Assert.Equal("x", Names(context.Lookup("a")));
        Assert.Equal("x y", Names(context.Lookup("ab")));
        Assert.Equal("a*", context.Lookup("a")[0].Alias);
        Assert.Equal("cmd", Names(context.Lookup("cmd")));
        Assert.Equal("gone", Names(context.Lookup("gone")));
    }

    [Fact]
    public void A_module_knows_its_file_and_what_it_needs()
    {
        var context = Context();
        Assert.Equal("/lib/modules/1.0/c.ko", context.Lookup("c")[0].Path);
        Assert.Equal("a b", Names(context.Lookup("c")[0].Dependencies));
        Assert.Equal("/lib/modules/1.0/kernel/d-x.ko.xz", context.ByName("d-x").Path);
        Assert.Null(context.Lookup("inside")[0].Path);
        Assert.True(context.Lookup("fs-inside")[0].IsBuiltIn);
        Assert.Equal("a b", Names(context.ByPath("/tmp/c.ko").Dependencies));
        Assert.Equal("/tmp/c.ko", context.ByPath("/tmp/c.ko").Path);
    }

    [Fact]
    public void Options_come_from_the_name_and_from_the_alias_used()
    {
        var context = Context("options a one=1\noptions pci:v1 two=2\noptions a three=3\n");
        Assert.Equal("one=1 three=3", context.OptionsOf(context.Lookup("a")[0]));
        Assert.Equal("one=1 two=2 three=3", context.OptionsOf(context.Lookup("pci:v1")[1]));
        Assert.Equal("", context.OptionsOf(context.Lookup("b")[0]));
    }

    [Fact]
    public void Dependencies_are_loaded_first_and_soft_ones_around_each()
    {
        Assert.Equal("a b c", Plan(Context(), "c"));
        Assert.Equal("e d_x a b c f", Plan(Context("softdep a pre: e d-x\nsoftdep c post: f missing\n"), "c").Replace("c e f", "c f"));
        Assert.Equal("a", Plan(Context("softdep a pre: e\ninstall a true\n"), "a", ignoreCommands: true));
    }

    [Fact]
    public void Soft_dependencies_are_not_required()
    {
        var context = Context("softdep c pre: e post: d-x\n");
        var plan = context.PlanInsert(context.Lookup("c")[0]);
        Assert.Equal("a+ b+ e- c+ d_x-", string.Join(' ', plan.Select(step => step.Module.Name + (step.IsRequired ? '+' : '-'))));
    }

    [Fact]
    public void Loops_of_soft_dependencies_end() =>
        Assert.Equal("e a", Plan(Context("softdep a pre: e\nsoftdep e post: a\n"), "a"));

    [Fact]
    public void Only_the_first_softdep_line_counts_to_kmod()
    {
        const string configuration = "softdep a pre: e\nsoftdep a* pre: d-x\n";
        Assert.Equal("e a", Plan(Context(configuration, ResolutionRules.Kmod), "a"));
        Assert.Equal("e d_x a", Plan(Context(configuration), "a"));
    }

    [Fact]
    public void An_install_command_is_ignored_by_kmod_if_there_is_a_soft_dependency()
    {
        const string configuration = "softdep a pre: e\ninstall a false\ninstall * true\n";
        Assert.Equal("e! a", Plan(Context(configuration, ResolutionRules.Kmod), "a"));
        Assert.Equal("e! a!", Plan(Context(configuration), "a"));
        var context = Context(configuration);
        Assert.Equal("false", context.InstallCommandOf(context.ByName("a")));
    }

    [Fact]
    public void A_mask_marks_the_steps_it_forbids()
    {
        var context = Context("mask a\n");
        Assert.Equal(2, context.PlanInsert(context.Lookup("b")[0])[0].Mask!.Line + 1);
        Assert.All(Context("mask a\n", ResolutionRules.Kmod).PlanRequest("b")[0], step => Assert.Null(step.Mask));
    }

    [Fact]
    public void Blacklisted_modules_are_passed_over_when_an_alias_asks()
    {
        var context = Context("blacklist b\n");
        Assert.Equal("a", string.Join(' ', context.PlanRequest("pci:v1").Select(plan => plan[^1].Module.Name)));
        Assert.Single(context.PlanRequest("b"));
    }

    [Fact]
    public void Missing_and_broken_directories_have_no_modules()
    {
        using var folder = new TemporaryFolder();
        folder.Write("modules.dep.bin", "not an index at all");
        var directory = ModuleDirectory.Open(folder.Path);
        Assert.Empty(new ModuleContext(directory, ModprobeConfiguration.Empty).Lookup("a"));
        Assert.Equal(0, Assert.Single(directory.Problems).Offset);
        Assert.Empty(new ModuleContext(ModuleDirectory.Open("/nonexistent"), ModprobeConfiguration.Empty).Lookup("a"));
    }
}
