using Lkm.Cli.Running;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>With the modules of the real Debian kernel.</summary>
public sealed class RunPlanTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-plan-").FullName;
    private readonly KernelSource _kernel = Kernel();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static KernelSource Kernel()
    {
        Outcome<KernelSource> kernel = new KernelLocator(LkmCache.FromEnvironment(), Console.Error.WriteLine).Locate();
        Assert.True(kernel.Succeeded, kernel.Error);
        return kernel.Value;
    }

    private string ModuleFile(string name) => Directory.EnumerateFiles(_kernel.ModulesDirectory!, $"{name}.ko*", SearchOption.AllDirectories).Single();

    private IReadOnlyList<PlannedModule> Plan(params string[] modules)
    {
        Outcome<IReadOnlyList<PlannedModule>> plan = RunPlan.Make(_kernel, modules, "a=1 b=2");
        Assert.True(plan.Succeeded, plan.Error);
        return plan.Value;
    }

    [Fact]
    public void A_name_brings_its_dependencies_and_gets_the_parameters()
    {
        IReadOnlyList<PlannedModule> plan = Plan("dm-zero");
        Assert.Equal(["dm_mod", "dm_zero"], plan.Select(module => module.Name));
        Assert.Equal(["", "a=1 b=2"], plan.Select(module => module.Parameters));
        Assert.Equal([false, true], plan.Select(module => module.IsAsked));
    }

    [Fact]
    public void Soft_dependencies_come_first_and_are_not_required()
    {
        IReadOnlyList<PlannedModule> plan = Plan("ext4");
        Assert.Equal("ext4", plan[^1].Name);
        Assert.Contains(plan, module => module is { Name: "crc32c_generic", IsRequired: false });
        Assert.Contains(plan, module => module is { Name: "jbd2", IsRequired: true });
    }

    [Fact]
    public void A_file_takes_what_lies_beside_it_before_the_kernels_own()
    {
        string zero = Path.Combine(_folder, "dm-zero.ko");
        File.Copy(ModuleFile("dm-zero"), zero);
        Assert.Equal(ModuleFile("dm-mod"), Plan(zero)[0].Path);
        string mod = Path.Combine(_folder, "dm-mod.ko");
        File.Copy(ModuleFile("dm-mod"), mod);
        Assert.Equal([mod, zero], Plan(zero).Select(module => module.Path));
    }

    [Fact]
    public void A_file_that_is_no_module_is_left_for_the_kernel_to_refuse()
    {
        string path = Path.Combine(_folder, "not-a-module.ko");
        File.WriteAllText(path, "text");
        Assert.Equal([new PlannedModule("not_a_module", path, "a=1 b=2", IsAsked: true, IsRequired: true)], Plan(path));
    }

    [Fact]
    public void What_is_not_there_is_said()
    {
        Assert.StartsWith("no_such_module: no such module in", RunPlan.Make(_kernel, ["no_such_module"], "").Error);
    }
}
