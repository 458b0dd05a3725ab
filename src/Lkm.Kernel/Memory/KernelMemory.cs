using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// All of the kernel's memory management that is C#: the allocators, in the order in which they build on each other. A cold boot calls
/// <see cref="Initialize"/> before any guest code runs and awaits <see cref="Complete"/> as its first step; a warm start needs neither.
/// </summary>
public sealed class KernelMemory
{
    private readonly KernelImage _image;
    private readonly GuestCalls _calls;

    /// <summary>Creates the allocators.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel image.</param>
    /// <param name="calls">Calls into guest code: constructors, and borrowed set-up.</param>
    /// <param name="perCpu">The per-CPU area.</param>
    /// <param name="tasks">The tasks' members, for who allocated what.</param>
    /// <param name="ramSize">Bytes of RAM.</param>
    /// <param name="firstFree">The end of what the boot has put behind the first 16 MiB of RAM.</param>
    /// <param name="perCpuSize">Bytes of the per-CPU area.</param>
    public KernelMemory(
        GuestMemory memory, KernelImage image, GuestCalls calls, PerCpuArea perCpu, TaskStruct tasks,
        ulong ramSize, ulong firstFree, ulong perCpuSize)
    {
        _image = image;
        _calls = calls;
        Errors = new MemoryErrors(memory, image, perCpu, tasks);
        Tracks = new AllocationTracks(memory, image, perCpu, tasks);
        Pages = new PageAllocator(memory, image, Errors, ramSize, firstFree);
        Slab = new SlabAllocator(memory, image, calls, Pages, Tracks, Errors);
        Vmalloc = new VmallocAllocator(memory, image, Pages, Slab, Errors);
        PerCpu = new PerCpuAllocator(
            memory, image, perCpu, Errors, image.Symbol("__per_cpu_end"), image.Symbol("__per_cpu_start") + perCpuSize);
        Early = new EarlyMemory(memory, Pages, Slab, Vmalloc);
        Attributes = new MemoryAttributes(memory);
        Leaks = new LeakScanner(memory, image, perCpu, perCpuSize, Pages, Slab, Vmalloc, Tracks);
    }

    /// <summary>Memory errors: who listens, and what a denied access was.</summary>
    public MemoryErrors Errors { get; }

    /// <summary>Who allocated and who freed.</summary>
    public AllocationTracks Tracks { get; }

    /// <summary>Pages.</summary>
    public PageAllocator Pages { get; }

    /// <summary>kmalloc and kmem_cache.</summary>
    public SlabAllocator Slab { get; }

    /// <summary>vmalloc and module space.</summary>
    public VmallocAllocator Vmalloc { get; }

    /// <summary>Per-CPU memory.</summary>
    public PerCpuAllocator PerCpu { get; }

    /// <summary>memblock.</summary>
    public EarlyMemory Early { get; }

    /// <summary>Write protection.</summary>
    public MemoryAttributes Attributes { get; }

    /// <summary>Objects that nothing points to.</summary>
    public LeakScanner Leaks { get; }

    /// <summary>The subsystems whose functions are to be installed.</summary>
    public IEnumerable<IKernelFunctions> Functions => [Pages, Slab, Vmalloc, PerCpu, Early, Attributes];

    /// <summary>The state that is not in guest memory.</summary>
    public ISnapshotState State => PerCpu;

    /// <summary>Sets memory up: node, zones and free pages, kmalloc's caches, the per-CPU area. All synchronous, without guest code.</summary>
    public void Initialize()
    {
        Pages.InitializeNode();
        Slab.CreateBootCaches();
        PerCpu.Initialize(_image);
    }

    /// <summary>The borrowed part of the node's set-up.</summary>
    public GuestTask Complete() => Pages.CompleteNode(_calls);

    /// <summary>
    /// Lets every allocation be refused by one test, as Linux's fault injection does; null for none.
    /// </summary>
    public void SetFailAllocation(Func<AllocationRequest, bool>? fail) =>
        (Pages.FailAllocation, Slab.FailAllocation, Vmalloc.FailAllocation, PerCpu.FailAllocation) = (fail, fail, fail, fail);
}
