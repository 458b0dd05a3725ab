namespace Lkm.Kernel.Tests.Modules;

/// <summary>Live patches whose code refers to what nobody exports.</summary>
[Collection(KernelCollection.Name)]
public sealed class LivepatchTests(KernelWithModules kernel)
{
    [Theory]
    [InlineData("patchee.ko", "klp.ko")]
    [InlineData("klp.ko", "patchee.ko")]
    public void A_patch_calls_static_functions_of_what_it_patches_whichever_comes_first(string first, string second)
    {
        const string enabled = "/sys/kernel/livepatch/livepatch/enabled";
        Assert.True(kernel.Load(first).Succeeded);
        var loaded = kernel.Load(second);
        Assert.True(loaded.Succeeded, loaded.Explanation);
        Assert.Equal("1014 2\n", kernel.ReadFile("/sys/module/patchee/parameters/answer"));
        Assert.Contains(kernel.Kernel.Log.Records, record => record.Text == "livepatch: the kernel's variable is pid_max");

        kernel.WriteFile(enabled, "0");
        Assert.Equal("7 2\n", kernel.ReadFile("/sys/module/patchee/parameters/answer"));
        Assert.True(kernel.Unload("livepatch").Succeeded);
        Assert.True(kernel.Unload("patchee").Succeeded);
    }
}
