using Lkm.Distribution;
using Lkm.Kernel.Modules;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>What the rest of the kernel sees of a loaded module.</summary>
[Collection(KernelCollection.Name)]
public sealed class LoadedModuleTests(KernelWithModules kernel)
{
    [Fact]
    public void Sysfs_shows_the_module_as_on_linux()
    {
        Assert.True(kernel.Load("subject.ko", "list=1,2 text=hello").Succeeded);
        var module = kernel.Loader.Modules.Find("subject")!;
        Assert.Equal("16384\n", Attribute("coresize"));
        Assert.Equal("0\n", Attribute("initsize"));
        Assert.Equal("live\n", Attribute("initstate"));
        Assert.Equal("0\n", Attribute("refcnt"));
        Assert.Equal("OE\n", Attribute("taint"));
        Assert.Equal("1.5\n", Attribute("version"));
        Assert.Equal("1,2\n", Attribute("parameters/list"));
        Assert.Equal("hello\n", Attribute("parameters/text"));

        // The offsets that the same module had on real Linux.
        Assert.Equal($"0x{module.BaseAddress + 0x10e8:x16}\n", Attribute("sections/__param"));
        Assert.Equal($"0x{module.BaseAddress + 0x2000:x16}\n", Attribute("sections/.data"));
        Assert.Equal($"0x{module.BaseAddress + 0x23c0:x16}\n", Attribute("sections/.bss"));
        Assert.Equal($"0x{module.Address:x16}\n", Attribute("sections/.gnu.linkonce.this_module"));
        Assert.Equal($"subject 16384 0 - Live 0x{module.BaseAddress:x16} (OE)\n", kernel.ReadFile("/proc/modules"));
        Assert.True(kernel.Unload("subject").Succeeded);

        string Attribute(string name) => kernel.ReadFile("/sys/module/subject/" + name);
    }

    [Fact]
    public void Kallsyms_knows_what_outlives_initialisation()
    {
        Assert.True(kernel.Load("subject.ko").Succeeded);
        var symbols = kernel.ReadFile("/proc/kallsyms").Split('\n').Where(line => line.EndsWith("\t[subject]", StringComparison.Ordinal)).ToArray();
        Assert.Contains(symbols, line => line.Contains(" t subject_exit\t", StringComparison.Ordinal));
        Assert.Contains(symbols, line => line.Contains(" d count\t", StringComparison.Ordinal));
        Assert.Contains(symbols, line => line.Contains(" b object\t", StringComparison.Ordinal));
        Assert.DoesNotContain(symbols, line => line.Contains("subject_init", StringComparison.Ordinal));
        Assert.True(kernel.Unload("subject").Succeeded);
    }

    [Fact]
    public void Module_that_keeps_rmmod_waiting_is_reported_as_hung()
    {
        Assert.True(kernel.Load("waiter.ko").Succeeded);
        var start = kernel.Kernel.Log.Next;
        Assert.True(kernel.Unload("waiter").Succeeded);
        var log = kernel.Kernel.Log.Since(start).Select(record => record.Text).ToArray();
        Assert.Contains(log, line => line.StartsWith("INFO: task rmmod:", StringComparison.Ordinal) && line.EndsWith(" blocked for more than 120 seconds.", StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains("waiter_exit+0x", StringComparison.Ordinal) && line.EndsWith(" [waiter]", StringComparison.Ordinal));
    }

    [Fact]
    public void System_calls_of_the_image_end_in_the_same_loader()
    {
        Assert.Equal(-22, kernel.LoadBySystemCall("subject.ko", "count=abc"));
        Assert.Equal(0, kernel.LoadBySystemCall("subject.ko", "count=7"));
        Assert.Equal("7\n", kernel.ReadFile("/sys/module/subject/parameters/count"));
        Assert.Equal(-17, kernel.LoadBySystemCall("subject.ko", ""));
        Assert.Equal(0, kernel.UnloadBySystemCall("subject"));
        Assert.Equal(-2, kernel.UnloadBySystemCall("subject"));
        Assert.Equal(-8, kernel.LoadBySystemCall("text.ko", ""));
    }

    [Fact]
    public void Users_are_holders()
    {
        Assert.True(kernel.Load("provider.ko").Succeeded);
        Assert.True(kernel.Load("consumer.ko").Succeeded);
        Assert.Contains("consumer", kernel.ListFolder("/sys/module/provider/holders"));
        Assert.Equal("1\n", kernel.ReadFile("/sys/module/provider/refcnt"));
        Assert.True(kernel.Unload("consumer").Succeeded);
        Assert.DoesNotContain("consumer", kernel.ListFolder("/sys/module/provider/holders"));
        Assert.Equal("0\n", kernel.ReadFile("/sys/module/provider/refcnt"));
        Assert.True(kernel.Unload("provider").Succeeded);
    }

    [Fact]
    public void Code_and_constants_are_read_only_and_init_memory_is_gone()
    {
        var sections = new List<SectionPlaced>();
        kernel.Loader.Observer = e =>
        {
            if (e is SectionPlaced placed)
                sections.Add(placed);
        };
        Assert.True(kernel.Load("subject.ko").Succeeded);
        kernel.Loader.Observer = null;
        Assert.True(CanWrite(".data"));
        Assert.True(CanWrite(".bss"));
        Assert.False(CanWrite(".exit.text"));
        Assert.False(CanWrite("__param"));
        Assert.Equal(Shadow.InitFreed, kernel.Kernel.Memory.ShadowAt(Address(".init.text")));
        Assert.True(kernel.Unload("subject").Succeeded);

        ulong Address(string section) => sections.Single(placed => placed.Section == section).Address;
        bool CanWrite(string section) => kernel.Kernel.Memory.IsAccessible(Address(section), 1, write: true, out _);
    }

    [Fact]
    public void Signature_of_the_distribution_is_verified()
    {
        var source = new KernelLocator(LkmCache.FromEnvironment()).Locate(KernelLocator.Default).Value!;
        var file = File.ReadAllBytes(Path.Combine(source.ModulesDirectory!, "kernel", "lib", "crc-itu-t.ko"));
        Assert.True(kernel.LoadBytes(file).Succeeded);
        var module = kernel.Loader.Modules.Find("crc_itu_t")!;
        Assert.True(module.IsSigned);
        Assert.Equal("", module.TaintLetters);
        Assert.True(kernel.Unload("crc-itu-t").Succeeded);

        file[200] ^= 1;
        var changed = kernel.LoadBytes(file);
        Assert.Equal(Lkm.Formats.Errno.EKEYREJECTED, changed.Errno);
        Assert.Contains("signature is wrong", changed.Explanation, StringComparison.Ordinal);
    }
}
