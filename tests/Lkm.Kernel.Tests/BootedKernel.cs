using System.Text;
using Lkm.Distribution;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sessions;
using Lkm.Modules;

namespace Lkm.Kernel.Tests;

/// <summary>
/// Kernels for tests: Debian's 6.1, booted once for each build of lkm (its snapshot lies in lkm's cache) and fresh for each test.
/// </summary>
public static class BootedKernel
{
    private static readonly Lazy<KernelSource> Located = new(() =>
    {
        var cache = LkmCache.FromEnvironment();
        var found = new KernelLocator(cache).Locate();
        return found.Succeeded ? found.Value : throw new InvalidOperationException($"the tests need Debian's 6.1 kernel: {found.Error}");
    });

    /// <summary>The kernel that the tests run.</summary>
    public static KernelSource Source => Located.Value;

    /// <summary>Starts a kernel of its own for a test.</summary>
    public static KernelSession Start() => Start(new KernelOptions(Source.ImagePath, LkmCache.FromEnvironment().Root));

    /// <summary>Starts a kernel with as many bytes of memory.</summary>
    public static KernelSession Start(ulong ramSize) =>
        Start(new KernelOptions(Source.ImagePath, LkmCache.FromEnvironment().Root) { RamSize = ramSize });

    private static KernelSession Start(KernelOptions options)
    {
        var kernel = UserModeKernel.Start(options).Value;
        var modules = Source.ModulesDirectory is { } directory
            ? new Lkm.Modules.ModuleContext(ModuleDirectory.Open(directory), ModprobeConfiguration.Empty)
            : null;
        return new KernelSession(kernel, modules);
    }

    /// <summary>The file of one of the kernel's own modules.</summary>
    public static string ModuleFile(string name)
    {
        var context = new Lkm.Modules.ModuleContext(ModuleDirectory.Open(Source.ModulesDirectory!), ModprobeConfiguration.Empty);
        return context.ByName(name).Path ?? throw new InvalidOperationException($"{name} has no file in {Source.ModulesDirectory}");
    }

    /// <summary>Loads one of the kernel's own modules with what it needs, as modprobe does; the last result is the module's own.</summary>
    public static ModuleLoadResult Probe(this KernelSession session, string name, string parameters = "")
    {
        var context = new Lkm.Modules.ModuleContext(ModuleDirectory.Open(Source.ModulesDirectory!), ModprobeConfiguration.Empty);
        ModuleLoadResult? result = null;
        var plan = context.PlanInsert(context.ByName(name));
        for (var i = 0; i < plan.Count; i++)
            result = session.Load(plan[i].Module.Path!, i == plan.Count - 1 ? parameters : "").Result;
        return result!;
    }

    /// <summary>Runs a line of the shell.</summary>
    public static (string Output, int Status) Run(this KernelSession session, string line)
    {
        var output = new MemoryStream();
        var status = session.Execute(line, output);
        return (Encoding.UTF8.GetString(output.ToArray()), status);
    }

    /// <summary>The text of the log since a number of records.</summary>
    public static IReadOnlyList<string> LogSince(this KernelSession session, long records) =>
        [.. session.Kernel.Log.Since(records).Select(record => record.Text)];
}
