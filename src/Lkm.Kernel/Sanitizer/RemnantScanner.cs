using System.Runtime.InteropServices;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Finds what a module that is gone has left registered, armed or running: words in the kernel's memory that still point to where the module's code
/// and data were. Linux finds the like with CONFIG_DEBUG_OBJECTS for some kinds of objects, and otherwise when it follows such a pointer.
/// </summary>
/// <remarks>
/// Looked at are the image's variables, per-CPU memory, live slab objects and the data of other modules, as far as they were written since the kernel was
/// started: no other word can point to the module. Stacks are left out, since much on them is stale, and so are members of which Linux itself never
/// clears what it has no more use for (<see cref="StaleWords"/>).
/// </remarks>
internal sealed class RemnantScanner(
    GuestMemory memory, KernelImage image, PerCpuArea perCpu, ulong perCpuSize, PageAllocator pages, IObjectFinder objects, VmallocAllocator vmalloc,
    TaskStruct tasks, ModuleTable modules, Func<ulong, string> symbolise)
{
    private readonly StaleWords _stale = new(memory, image, perCpu, tasks);

    /// <summary>Finds the words that point into ranges of addresses. To be asked when the guest is at rest.</summary>
    /// <param name="gone">Where modules were that are gone: start and end of each part.</param>
    /// <param name="code">Which of it was code.</param>
    public IReadOnlyList<Remnant> Find(IReadOnlyList<CodeRange> gone, IReadOnlyList<CodeRange> code)
    {
        var found = new List<Remnant>();
        if (gone.Count == 0)
            return found;
        // The interrupts' stack is a per-CPU variable; its size, IRQ_STACK_SIZE, is that of the others.
        var interruptStack = image.TrySymbol("irq_stack_backing_store", out var stack) ? perCpu.Of(stack) : 0;
        var data = image.Symbol("_sdata") & ~(AddressSpace.PageSize - 1);
        foreach (var (place, target) in Words(data, AddressSpace.PageAlign(image.Symbol("_end")) - data, gone))
            found.Add(new Remnant(place, target, symbolise(place), null));
        foreach (var (place, target) in Words(perCpu.Start, AddressSpace.PageAlign(perCpuSize), gone))
        {
            if (place - interruptStack >= image.ThreadSize)
                found.Add(new Remnant(place, target, $"{image.SymbolisePerCpu(place - perCpu.Offset)} (per-CPU)", null));
        }

        foreach (var (place, target) in Words(AddressSpace.PageOffset, pages.RamSize, gone))
        {
            if (objects.FindObject(place) is { IsFreed: false } holder && place - holder.Address < holder.Size && !_stale.IsRetired(holder))
                found.Add(new Remnant(place, target, $"{holder.Size} bytes at {holder.Address:x16}", holder.Allocated));
        }

        foreach (var area in vmalloc.Areas())
        {
            if (area.Start < AddressSpace.ModulesStart || area.Start >= AddressSpace.ModulesEnd)
                continue;
            foreach (var (place, target) in Words(area.Start, area.Pages << AddressSpace.PageShift, gone))
            {
                if (!IsOfModuleStruct(place))
                    found.Add(new Remnant(place, target, symbolise(place), null));
            }
        }

        found.RemoveAll(remnant => !memory.IsAccessible(remnant.Place, sizeof(ulong), write: false, out _) || _stale.Has(remnant.Place, code.Any(range => range.Contains(remnant.Target))));
        return found;
    }

    /// <summary>
    /// Whether a word belongs to a struct module, which the loader alone writes: of the nodes that led to an init part, the ways to their neighbours stay when they are
    /// taken out of the tree (kernel/module/tree_lookup.c).
    /// </summary>
    private bool IsOfModuleStruct(ulong place) =>
        modules.FindByAddress(place) is { } module && place - module.Address < image.Struct("module").Size;

    private List<Pointer> Words(ulong start, ulong size, IReadOnlyList<CodeRange> gone)
    {
        var (least, most) = (ulong.MaxValue, 0UL);
        foreach (var range in gone)
            (least, most) = (Math.Min(least, range.Start), Math.Max(most, range.End));
        var found = new List<Pointer>();
        foreach (var (address, length) in memory.ChangedPages(start, size))
        {
            var words = MemoryMarshal.Cast<byte, ulong>(memory.Span(address, (int)length));
            for (var i = 0; i < words.Length; i++)
            {
                if (words[i] - least >= most - least)
                    continue;
                foreach (var range in gone)
                {
                    if (range.Contains(words[i]))
                        found.Add(new Pointer(address + ((ulong)i * sizeof(ulong)), words[i]));
                }
            }
        }

        return found;
    }

    private sealed record Pointer(ulong Place, ulong Target);
}

/// <summary>A word that points to where a module was.</summary>
/// <param name="Place">Its address.</param>
/// <param name="Target">What it holds.</param>
/// <param name="Holder">What it lies in, for people.</param>
/// <param name="Allocated">Who allocated that; null if nobody did.</param>
internal sealed record Remnant(ulong Place, ulong Target, string Holder, AllocationTrack? Allocated);
