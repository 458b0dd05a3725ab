using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// The kernel's own lines in /proc/iomem (arch/x86/kernel/setup.c, setup_arch()). The image's physical addresses lie above the map of memory
/// (<see cref="AddressSpace"/>), so what it lies in is RAM of its own.
/// </summary>
internal sealed class KernelResources(GuestMemory memory, KernelImage image, GuestCalls calls, SlabAllocator slab)
{
    private static readonly (string Resource, string Start, string End)[] s_parts =
    [
        ("code_resource", "_text", "_etext"), ("rodata_resource", "__start_rodata", "__end_rodata"), ("data_resource", "_sdata", "_edata"),
        ("bss_resource", "__bss_start", "__bss_stop"),
    ];

    /// <summary>Inserts them.</summary>
    public async GuestTask Insert()
    {
        var layout = image.Struct("resource");
        var memoryMap = image.Symbol("iomem_resource");
        var code = image.Symbol("code_resource");
        var ram = slab.Allocate(layout.Size);
        memory.WriteUInt64(ram + layout["name"], ImageText.Find(memory, image, "System RAM"));
        memory.WriteUInt64(ram + layout["flags"], memory.ReadUInt64(code + layout["flags"]));
        await Insert(ram, image.Symbol("_text"), AddressSpace.PageAlign(image.Symbol("_end")));
        foreach (var (name, start, end) in s_parts)
        {
            if (image.TrySymbol(name, out var resource))
                await Insert(resource, image.Symbol(start), image.Symbol(end));
        }

        async GuestTask Insert(ulong resource, ulong start, ulong end)
        {
            memory.WriteUInt64(resource + layout["start"], AddressSpace.ToPhysical(start));
            memory.WriteUInt64(resource + layout["end"], AddressSpace.ToPhysical(end) - 1);
            await calls.Call(image.Symbol("insert_resource"), memoryMap, resource);
        }
    }
}
