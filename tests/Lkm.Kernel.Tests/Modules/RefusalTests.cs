using Lkm.Formats;
using Lkm.Kernel.Modules;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>What a kernel refuses, why it says so, and that nothing stays behind.</summary>
[Collection(KernelCollection.Name)]
public sealed class RefusalTests(KernelWithModules kernel)
{
    [Theory]
    [InlineData("truncated.ko", "", Errno.ENOEXEC, "truncated")]
    [InlineData("text.ko", "", Errno.ENOEXEC, "not an ELF file")]
    [InlineData("aarch64.ko", "", Errno.ENOEXEC, "built for AArch64")]
    [InlineData("vermagic.ko", "", Errno.ENOEXEC, "vermagic")]
    [InlineData("layoutcrc.ko", "", Errno.ENOEXEC, "other structures")]
    [InlineData("printkcrc.ko", "", Errno.EINVAL, "another version of _printk")]
    [InlineData("unknown.ko", "", Errno.ENOENT, "_prinxk")]
    [InlineData("proprietary.ko", "", Errno.ENOENT, "GPL-compatible modules only")]
    [InlineData("nons.ko", "", Errno.ENOENT, "provider_free")]
    [InlineData("subject.ko", "count=abc", Errno.EINVAL, "'abc' for its parameter count")]
    [InlineData("subject.ko", "level=300", Errno.ERANGE, "level")]
    [InlineData("subject.ko", "word=toolong", Errno.ENOSPC, "word")]
    [InlineData("subject.ko", "result=-19", Errno.ENODEV, "returned -19 (ENODEV)")]
    [InlineData("badreloc.ko", "", Errno.ENOEXEC, "relocation")]
    [InlineData("overflow.ko", "", Errno.ENOEXEC, "-mcmodel=kernel")]
    [InlineData("wx.ko", "", Errno.ENOEXEC, "both writable and executable: .text")]
    [InlineData("badsig.ko", "", Errno.EBADMSG, "signature")]
    public void Refusal_names_its_cause_and_leaves_nothing_behind(string file, string parameters, Errno errno, string cause)
    {
        var before = KernelTraces.Of(kernel);
        var result = kernel.Load(file, parameters);
        Assert.Equal(errno, result.Errno);
        Assert.Contains(cause, result.Explanation, StringComparison.Ordinal);
        Assert.Equal(0UL, result.Module);
        Assert.Equal(before, KernelTraces.Of(kernel));
    }

    [Fact]
    public void Module_is_loaded_once_only()
    {
        Assert.True(kernel.Load("subject.ko").Succeeded);
        var again = kernel.Load("subject.ko");
        Assert.Equal(Errno.EEXIST, again.Errno);
        Assert.Equal("subject is already loaded; unload it first", again.Explanation);
        Assert.True(kernel.Unload("subject").Succeeded);
    }

    [Fact]
    public void Module_that_hides_itself_is_found_by_no_name()
    {
        Assert.True(kernel.Load("hider.ko").Succeeded);
        var result = kernel.Unload("hider");
        Assert.Equal((Errno.ENOENT, "hider has taken itself out of the kernel's list of modules"), (result.Errno, result.Explanation));
        Assert.DoesNotContain("hider", kernel.ReadFile("/proc/modules"), StringComparison.Ordinal);
        kernel.WriteFile("/sys/module/hider/parameters/hidden", "0");
        Assert.True(kernel.Unload("hider").Succeeded);
        Assert.Equal("hider is not loaded", kernel.Unload("hider").Explanation);
    }

    [Fact]
    public void Module_in_use_stays()
    {
        Assert.True(kernel.Load("provider.ko").Succeeded);
        Assert.True(kernel.Load("consumer.ko").Succeeded);
        var result = kernel.Unload("provider");
        Assert.Equal(Errno.EAGAIN, result.Errno);
        Assert.Equal("provider is used by consumer; unload that first", result.Explanation);
        Assert.Equal(["consumer"], kernel.Loader.Modules.Find("provider")!.Users.Select(user => user.Name));
        Assert.True(kernel.Unload("consumer").Succeeded);
        Assert.True(kernel.Unload("provider").Succeeded);
    }

    [Fact]
    public void Loading_and_unloading_leaves_nothing_behind()
    {
        Assert.True(kernel.Load("subject.ko", "text=first").Succeeded);
        Assert.True(kernel.Unload("subject").Succeeded);
        var before = KernelTraces.Of(kernel);
        Assert.True(kernel.Load("subject.ko", "text=second list=1,2,3").Succeeded);
        Assert.True(kernel.Unload("subject").Succeeded);
        Assert.Equal(before, KernelTraces.Of(kernel));
    }

    [Fact]
    public void Steps_can_be_observed()
    {
        var events = new List<ModuleLoadEvent>();
        kernel.Loader.Observer = events.Add;
        Assert.True(kernel.Load("subject.ko", "count=2").Succeeded);
        Assert.True(kernel.Unload("subject").Succeeded);
        kernel.Loader.Observer = null;
        Assert.Contains(events, e => e is SymbolResolved { Symbol: "kobject_create_and_add", GplOnly: true, Owner: null });
        Assert.Contains(events, e => e is SectionPlaced { Section: ".init.text", Part: ModulePart.InitText });
        Assert.Contains(events, e => e is ParameterSet { Parameter: "count", Value: "2", Code: 0 });
        Assert.Equal(
            [ModuleState.Coming, ModuleState.Live, ModuleState.Going, null],
            events.OfType<StateEntered>().Select(e => e.State));
    }
}
