using Lkm.Cli.CommandLine;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary>The <c>--kernel</c> option of many commands.</summary>
internal static class KernelOption
{
    /// <summary>The option.</summary>
    public static CommandOption Option { get; } =
        new("--kernel", "KERNEL", $"a vmlinuz, a version that `lkm kernels` lists, or debian:VERSION (default {KernelLocator.Default})");

    /// <summary>Finds the kernel that the arguments name.</summary>
    public static Outcome<KernelSource> Locate(Arguments arguments) => Locator().Locate(arguments.Value(Option.Name));

    /// <summary>A locator that tells of its progress on standard error.</summary>
    public static KernelLocator Locator() => new(LkmCache.FromEnvironment(), Screen.Notice);
}
