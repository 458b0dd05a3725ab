using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

/// <summary>All allocators, put together and initialised as the boot does it.</summary>
internal sealed class Allocators
{
    public Allocators(
        GuestMemory memory, KernelImage image, GuestCalls calls, PerCpuArea perCpu, TaskStruct tasks, ulong ramSize, ulong firstFree, ulong perCpuSize)
    {
        Errors = new MemoryErrors(memory, image, perCpu, tasks);
        var tracks = new AllocationTracks(memory, image, perCpu, tasks);
        Pages = new PageAllocator(memory, image, Errors, ramSize, firstFree);
        Slab = new SlabAllocator(memory, image, calls, Pages, tracks, Errors);
        Vmalloc = new VmallocAllocator(memory, image, Pages, Slab, Errors);
        PerCpu = new PerCpuAllocator(memory, image, perCpu, Errors, Pages, Vmalloc, PerCpuLayout.Of(image));
        Attributes = new MemoryAttributes(memory);
        Leaks = new LeakScanner(memory, image, perCpu, perCpuSize, Pages, Slab, Vmalloc, tracks);
        Functions = [Pages, new PageReclaim(memory, image, calls, new CallChain(memory, image, calls), Pages, Slab), Slab, Vmalloc, PerCpu, new EarlyMemory(memory, Pages, Slab, Vmalloc), Attributes];
        Pages.InitializeNode();
        Slab.CreateBootCaches();
        PerCpu.Initialize(image);
    }

    public MemoryErrors Errors { get; }

    public PageAllocator Pages { get; }

    public SlabAllocator Slab { get; }

    public VmallocAllocator Vmalloc { get; }

    public PerCpuAllocator PerCpu { get; }

    public MemoryAttributes Attributes { get; }

    public LeakScanner Leaks { get; }

    public IReadOnlyList<IKernelFunctions> Functions { get; }

    public void SetFailAllocation(Func<AllocationRequest, bool>? fail) =>
        (Pages.FailAllocation, Slab.FailAllocation, Vmalloc.FailAllocation, PerCpu.FailAllocation) = (fail, fail, fail, fail);
}
