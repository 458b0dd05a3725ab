using Lkm.Formats.Elf;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// Puts the image where it was linked to run, and the first per-CPU area in memory: what the decompressor and head_64.S do on hardware.
/// No relocation is needed, as the window reaches the link address.
/// </summary>
internal static class ImageLoader
{
    /// <summary>Where the per-CPU area lies: above the first 16 MiB, as nothing expects memory below it.</summary>
    public const ulong PerCpuStart = AddressSpace.PageOffset + (16UL << 20);

    /// <summary>Loads the segments; sections without contents are zero, as fresh memory is.</summary>
    public static void Load(GuestMemory memory, ElfFile vmlinux, KernelImage image)
    {
        foreach (var segment in vmlinux.Segments().Value)
        {
            if (segment.Type != SegmentType.Load)
                continue;
            var isPerCpu = segment.VirtualAddress < AddressSpace.KernelMap;
            var address = isPerCpu ? PerCpuStart + segment.VirtualAddress : segment.VirtualAddress;
            vmlinux.Bytes.Span.Slice((int)segment.Offset, (int)segment.FileSize).CopyTo(memory.Span(address, (int)segment.FileSize));
            if (!isPerCpu)
                memory.SetAccess(address, AddressSpace.PageAlign(segment.MemorySize), Shadow.Accessible);
        }

        if (image.Symbol("__per_cpu_start") is var variables and >= AddressSpace.KernelMap) // setup_per_cpu_areas()
            memory.Copy(variables, PerCpuStart, image.Symbol("__per_cpu_end") - variables);
        memory.SetAccess(PerCpuStart, PerCpuLayout.Of(image).SizeWithRedzones, Shadow.Accessible);
        memory.SetAccess(AddressSpace.Vmemmap, AddressSpace.VmemmapEnd - AddressSpace.Vmemmap, Shadow.Accessible);
        memory.SetAccess(AddressSpace.Fixmap(image, "FIX_APIC_BASE"), AddressSpace.PageSize, Shadow.Accessible); // the local APIC's registers
        memory.SetAccess(HookAddresses.PrintkBuffers, HookAddresses.End - HookAddresses.PrintkBuffers, Shadow.Accessible);
    }
}
