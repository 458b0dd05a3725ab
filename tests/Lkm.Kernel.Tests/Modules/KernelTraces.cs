namespace Lkm.Kernel.Tests.Modules;

/// <summary>What a module that is gone must not have left in the kernel.</summary>
/// <param name="Modules">/proc/modules.</param>
/// <param name="Sysfs">The entries of /sys/module.</param>
/// <param name="Symbols">The number of exported symbols.</param>
/// <param name="ModulePages">The pages of module space that may be touched.</param>
public sealed record KernelTraces(string Modules, string Sysfs, int Symbols, int ModulePages)
{
    /// <summary>Looks at a kernel.</summary>
    public static KernelTraces Of(KernelWithModules kernel) => new(
        kernel.ReadFile("/proc/modules"),
        string.Join(' ', kernel.ListFolder("/sys/module").Order(StringComparer.Ordinal)),
        kernel.Loader.Symbols.All.Count(),
        kernel.CountModulePages());
}
