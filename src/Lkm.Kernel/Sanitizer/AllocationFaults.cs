using Lkm.Kernel.Boot;
using Lkm.Kernel.Memory;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>An allocation that a module made, or the kernel on its behalf.</summary>
/// <param name="Allocator">Whose memory it is.</param>
/// <param name="Size">Bytes asked for.</param>
/// <param name="Callers">The call chain by names, from the allocator's function outwards.</param>
/// <param name="Site">The place of the module's code in the chain that is nearest to the allocator: an index.</param>
public sealed record ModuleAllocation(AllocatorKind Allocator, ulong Size, IReadOnlyList<string> Callers, int Site);

/// <summary>
/// Lets one allocation fail, to see whether a module comes through: what Linux's fault injection does with a filter on the stack trace (lib/fault-inject.c).
/// Counted are all that have a module's code in their call chain, in whichever task and of whichever allocator; not those that must not fail (__GFP_NOFAIL).
/// </summary>
public sealed class AllocationFaults
{
    private const int Depth = 48;

    private readonly UserModeKernel _kernel;
    private readonly StackScan _scan;
    private readonly int _failing;
    private readonly List<ModuleAllocation> _allocations = [];
    private readonly Dictionary<string, (IReadOnlyList<string> Callers, int Site)> _chains = [];

    /// <summary>Begins to count.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="failing">The number, from 1, of the one that fails; 0 for none.</param>
    public AllocationFaults(UserModeKernel kernel, int failing)
    {
        _kernel = kernel;
        _failing = failing;
        _scan = new StackScan(kernel.Memory, kernel.Image, kernel.PerCpu);
        kernel.FailAllocation = ShallFail;
    }

    /// <summary>Those that were made so far, the one that failed included.</summary>
    public IReadOnlyList<ModuleAllocation> Allocations => _allocations;

    /// <summary>The one that failed; null if there were not so many yet.</summary>
    public ModuleAllocation? Failed => _failing > 0 && _failing <= _allocations.Count ? _allocations[_failing - 1] : null;

    private bool ShallFail(AllocationRequest request)
    {
        if (request.Caller == 0)
            return false; // for the kernel core's own use
        Span<ulong> frames = stackalloc ulong[Depth];
        frames = frames[.._scan.Scan(_kernel.Cpu.Rsp, frames)];
        var site = frames.IndexOfAnyInRange(AddressSpace.ModulesStart, AddressSpace.ModulesEnd - 1);
        if (site < 0)
            return false;
        var (callers, named) = Describe(_kernel.Cpu.Rip, frames, site);
        _allocations.Add(new ModuleAllocation(request.Allocator, request.Size, callers, named));
        return _allocations.Count == _failing;
    }

    /// <summary>Names a chain while its modules are there. The same chain has the same list.</summary>
    private (IReadOnlyList<string> Callers, int Site) Describe(ulong function, ReadOnlySpan<ulong> frames, int site)
    {
        var key = $"{function:x} {string.Join(' ', frames.ToArray())}";
        if (!_chains.TryGetValue(key, out var chain))
        {
            string[] callers = [_kernel.Symbolise(function), .. frames.ToArray().Select(_kernel.Symbolise)];
            _chains[key] = chain = (callers, site + 1);
        }

        return chain;
    }
}
