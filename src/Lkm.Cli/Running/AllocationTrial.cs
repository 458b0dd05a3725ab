using Lkm.Formats;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Sanitizer;

namespace Lkm.Cli.Running;

/// <summary>A run in which one allocation of the module failed.</summary>
/// <param name="Number">Which, from 1, in the order of a run in which none fails.</param>
/// <param name="Allocation">What was asked for, and by whom.</param>
/// <param name="Report">What became of the run.</param>
internal sealed record AllocationTrial(int Number, ModuleAllocation Allocation, RunReport Report)
{
    /// <summary>Whether the module did not come through: an oops, a memory error, a leak.</summary>
    public bool BrokeARule => Report.Findings.Count > 0;

    /// <summary>Whether the module was not loaded, as it should be that cannot do without.</summary>
    public bool IsRefused => Report.Modules is [.., { Load.Succeeded: false }];

    /// <summary>What came of it, for people.</summary>
    public string Text =>
        BrokeARule ? Report.Findings[0].Summary
        : IsRefused ? $"not loaded: {Report.Modules[^1].Load.Errno.Name()}"
        : Report.Failure ?? "goes on without it";

    /// <summary>"__register_chrdev in first_init+0x1c/0x80 [first]": what the module called, and at which place.</summary>
    public static string PlaceOf(ModuleAllocation allocation) =>
        $"{allocation.Callers[allocation.Site - 1].Split('+')[0]} in {allocation.Callers[allocation.Site]}";

    /// <summary>"96 bytes of slab memory, for " and the place.</summary>
    public static string Describe(ModuleAllocation allocation)
    {
        string memory = allocation.Allocator switch
        {
            AllocatorKind.Pages => "pages",
            AllocatorKind.Vmalloc => "vmalloc memory",
            AllocatorKind.PerCpu => "per-CPU memory",
            _ => "slab memory",
        };
        return $"{allocation.Size} bytes of {memory}, for {PlaceOf(allocation)}";
    }

    /// <summary>Which allocations are worth letting fail: of those with the same call chain, the first and the last.</summary>
    /// <returns>Their numbers, from 1.</returns>
    public static IReadOnlyList<int> Choose(IReadOnlyList<ModuleAllocation> allocations)
    {
        var chosen = new SortedSet<int>();
        foreach (IGrouping<IReadOnlyList<string>, int> same in Enumerable.Range(1, allocations.Count).GroupBy(number => allocations[number - 1].Callers))
        {
            chosen.Add(same.First());
            chosen.Add(same.Last());
        }
        return [.. chosen];
    }
}
