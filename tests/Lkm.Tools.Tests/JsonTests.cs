using System.Text.Json;
using Lkm.Formats;

namespace Lkm.Tools.Tests;

/// <summary>Each tool's JSON document: one, with a schema, also when the tool fails; and none for those who call it by kmod's name.</summary>
public class JsonTests
{
    private static FakeRoot Root() => new FakeRoot()
        .Module("a.ko", new ModuleImage().Export("a_do", 7).Info("alias", "pci:v1*").Info("softdep", "pre: c"))
        .Module("b.ko", new ModuleImage().Import("a_do", 7)).Module("c.ko", new ModuleImage())
        .Write("etc/modprobe.d/x.conf", "options b n=1\ninstall c true\n").Depmod();

    private static JsonElement Run(FakeRoot root, int exitCode, string tool, params string[] arguments)
    {
        var outcome = root.RunImproved(tool, ["--json", .. arguments]);
        Assert.Equal(exitCode, outcome.ExitCode);
        var document = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.Equal(1, document.GetProperty("schema").GetInt32());
        return document;
    }

    private static string Steps(JsonElement document) => string.Join("; ", document.GetProperty("steps").EnumerateArray().Select(step =>
        string.Join(' ', step.EnumerateObject().Where(static member => member.Name is not "file").Select(static member => member.Value.ToString()))));

    [Fact]
    public void Modprobe_tells_its_steps()
    {
        using var root = Root();
        root.Commands["true"] = 0;
        Assert.Equal("install c true not done; insmod a  not done; insmod b n=1 x=2 not done", Steps(Run(root, 0, "modprobe", "-D", "b", "x=2")));
        Assert.Equal("install c true ok; insmod a  ok; insmod b n=1 ok", Steps(Run(root, 0, "modprobe", "b")));
        Assert.Equal("rmmod b ok; rmmod a ok", Steps(Run(root, 0, "modprobe", "-r", "b")));
    }

    [Fact]
    public void Modprobe_tells_which_step_failed()
    {
        using var root = Root();
        root.Answers["a"] = Errno.ENOEXEC;
        var document = Run(root, 1, "modprobe", "b");
        Assert.EndsWith("insmod a  ENOEXEC", Steps(document));
        Assert.Equal(1, document.GetProperty("exit").GetInt32());
        Assert.Contains("/a.ko: Exec format error", document.GetProperty("messages")[0].GetString());
        Assert.Equal("Module nope not found in directory", Run(root, 1, "modprobe", "nope").GetProperty("messages")[0].GetString()![..34]);
    }

    [Fact]
    public void Modprobes_queries_have_documents_of_their_own()
    {
        using var root = Root();
        Assert.Equal("a", Run(root, 0, "modprobe", "-R", "pci:v12").GetProperty("aliases").GetProperty("pci:v12")[0].GetString());
        Assert.Equal("0x00000007", Run(root, 0, "modprobe", "--show-exports", "a").GetProperty("symbols")[0].GetProperty("crc").GetString());
        Assert.Equal(3, Run(root, 0, "modprobe", "-l").GetProperty("files").GetArrayLength());
        Assert.Equal("b", Run(root, 0, "modprobe", "-c").GetProperty("options")[0].GetProperty("pattern").GetString());
    }

    [Fact]
    public void Insmod_and_rmmod_tell_how_it_ended()
    {
        using var root = Root();
        Assert.Equal("insmod a x=1 ok", Steps(Run(root, 0, "insmod", $"{root.Modules}/a.ko", "x=1")));
        Assert.Equal("rmmod a ok", Steps(Run(root, 0, "rmmod", "a")));
        Assert.Equal("rmmod a not done", Steps(Run(root, 1, "rmmod", "a")));
        Assert.Equal("insmod none  ENOENT", Steps(Run(root, 1, "insmod", "/none.ko")));
    }

    [Fact]
    public void Depmod_tells_what_it_found_and_wrote()
    {
        using var root = Root();
        var document = Run(root, 0, "depmod");
        Assert.Equal(11, document.GetProperty("files").GetArrayLength());
        var user = document.GetProperty("modules").EnumerateArray().Single(static module => module.GetProperty("name").GetString() == "b");
        Assert.Equal("a", user.GetProperty("dependencies")[0].GetString());
        Assert.Equal(0, Run(root, 0, "depmod", "-n").GetProperty("files").GetArrayLength());
        Assert.Empty(Run(root, 1, "depmod", "9.9").GetProperty("modules").EnumerateArray());
    }

    [Theory]
    [InlineData("modprobe")]
    [InlineData("insmod")]
    [InlineData("rmmod")]
    [InlineData("depmod")]
    [InlineData("lsmod")]
    [InlineData("modinfo")]
    [InlineData("ksyms")]
    public void Kmods_tools_know_no_such_option(string tool)
    {
        using var root = new FakeRoot();
        Assert.StartsWith($"{tool}: unrecognized option '--json'\n", root.Run(tool, "--json").Error);
    }

    [Theory]
    [InlineData("--showconfig", "--show-config")]
    [InlineData("--show", "--dry-run")]
    public void Old_names_of_options_are_worth_a_warning(string old, string now)
    {
        using var root = Root();
        Assert.Equal($"modprobe: WARNING: '{old}' is deprecated, use '{now}'\n", root.Run("modprobe", old, "b").Error);
    }
}
