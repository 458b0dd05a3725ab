namespace Lkm.Distribution.Tests;

/// <summary>With the real Debian kernel: fetched on the first run of the tests on a machine, from the cache afterwards.</summary>
public sealed class DebianKernelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LkmCache _cache = LkmCache.FromEnvironment();

    public void Dispose() => _folder.Dispose();

    private KernelSource Kernel(string specification)
    {
        var locator = new KernelLocator(_cache, Console.Error.WriteLine);
        Outcome<KernelSource> kernel = locator.Locate(specification);
        Assert.True(kernel.Succeeded, kernel.Error);
        kernel = locator.AddHeaders(kernel.Value);
        Assert.True(kernel.Succeeded, kernel.Error);
        return kernel.Value;
    }

    private void WriteModule(string initialisation)
    {
        File.WriteAllText(_folder.At("Makefile"), "obj-m := tiny.o\n");
        File.WriteAllText(_folder.At("tiny.c"), $$"""
            #include <linux/module.h>
            static int __init tiny_init(void) { {{initialisation}} }
            module_init(tiny_init);
            MODULE_LICENSE("GPL");
            """);
    }

    [Fact]
    public void The_default_kernel_comes_with_indexed_modules_and_headers()
    {
        KernelSource kernel = Kernel(KernelLocator.Default);
        Assert.StartsWith("6.1.", kernel.Version);
        Assert.Equal(kernel.Version, KernelImageVersion.Read(kernel.ImagePath).Value);
        Assert.True(File.Exists(Path.Combine(kernel.ModulesDirectory!, "modules.dep")));
        Assert.Contains("CONFIG_MODULES=y", File.ReadAllText(kernel.ConfigPath!));
        Assert.Contains("\tprintk\t", File.ReadAllText(kernel.SymversPath!).Replace("_printk", "printk"));
    }

    [Fact]
    public void A_module_is_built_once_and_again_when_its_source_changes()
    {
        KernelSource kernel = Kernel(KernelLocator.Default);
        WriteModule("return 0;");
        Assert.Null(Kbuild.UpToDate(_folder.Path, kernel));

        KbuildResult built = new Kbuild(_cache).Build(_folder.Path, kernel);
        Assert.True(built.Error is null, built.Error + built.Output);
        Assert.Equal([_folder.At("tiny.ko")], built.Modules);
        Assert.Equal(built.Modules, Kbuild.UpToDate(_folder.Path, kernel));

        Assert.Null(Kbuild.UpToDate(_folder.Path, kernel with { Version = "6.1.0-1-other" }));
        File.SetLastWriteTimeUtc(_folder.At("tiny.c"), DateTime.UtcNow.AddSeconds(2));
        Assert.Null(Kbuild.UpToDate(_folder.Path, kernel));
    }

    [Fact]
    public void A_build_that_fails_names_the_place_in_the_source()
    {
        WriteModule("return nothing_of_that_name;");
        KbuildResult built = new Kbuild(_cache).Build(_folder.Path, Kernel(KernelLocator.Default));
        Assert.Empty(built.Modules);
        Assert.Contains("tiny.c:2:", built.Error);
        Assert.Contains("nothing_of_that_name", built.Error);
    }

    [Fact]
    public void A_folder_without_a_Makefile_is_refused()
    {
        KbuildResult built = new Kbuild(_cache).Build(_folder.Path, Kernel(KernelLocator.Default));
        Assert.Contains("lkm new", built.Error);
    }
}
