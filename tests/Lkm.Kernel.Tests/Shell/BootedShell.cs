using System.Text;
using Lkm.Distribution;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Shell;
using Lkm.Modules;

namespace Lkm.Kernel.Tests.Shell;

/// <summary>A shell in Debian's kernel, started from its snapshot where there is one, with the modules of that kernel.</summary>
public sealed class BootedShell : IDisposable
{
    private readonly KernelSession _session;

    /// <summary>Starts the kernel.</summary>
    public BootedShell()
    {
        var cache = LkmCache.FromEnvironment();
        var source = new KernelLocator(cache).Locate(KernelLocator.Default).Value!;
        var modules = new ModuleContext(ModuleDirectory.Open(source.ModulesDirectory!), ModprobeConfiguration.Empty);
        _session = new KernelSession(UserModeKernel.Start(new KernelOptions(source.ImagePath, cache.PathOf("snapshots"))).Value, modules);
    }

    /// <summary>The kernel.</summary>
    public UserModeKernel Kernel => _session.Kernel;

    /// <summary>What modules and commands have done wrong.</summary>
    public IReadOnlyList<Finding> Findings => _session.Findings;

    /// <summary>Runs a line.</summary>
    /// <returns>Its exit status, and what it wrote to output and errors.</returns>
    public (int Status, string Output) Run(string line)
    {
        using var output = new MemoryStream();
        var status = _session.Execute(line, output);
        return (status, Encoding.UTF8.GetString(output.ToArray()));
    }

    /// <summary>Runs a line that must succeed.</summary>
    public string Output(string line)
    {
        var (status, output) = Run(line);
        Assert.True(status == 0, $"{line}: {status}: {output}");
        return output;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();
}
