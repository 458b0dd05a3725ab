using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>
/// ioremap() (arch/x86/mm/ioremap.c). There are no devices: behind every physical address that is neither
/// RAM nor the firmware's ROM the bus answers all ones.
/// </content>
public sealed partial class VmallocAllocator
{
    private const string NoDevices = "no device is behind it: it reads as all ones until it is written to";

    [KernelFunction("__ioremap_caller", Support = Support.Partial, Note = NoDevices)]
    private ulong IoremapCaller(ulong physical, ulong size, uint cacheMode, ulong caller)
    {
        var offset = physical & (AddressSpace.PageSize - 1);
        var first = physical - offset;
        var length = AddressSpace.PageAlign(size + offset);
        if (size == 0 || physical + size - 1 < physical || ShallFail(size, GfpFlags.None, caller))
            return 0;
        if (PhysicalMemory.TouchesRam(first, length, _pages.RamSize))
        {
            _errors.Warn("__ioremap_caller", $"ioremap on RAM at 0x{physical:x16} - 0x{physical + size - 1:x16}");
            return 0;
        }

        var area = NewArea(length, AlignOf(length, VmStruct.IoRemap), VmallocSpace.Start, VmallocSpace.End, VmStruct.IoRemap, caller);
        if (!area.Exists)
            return 0;
        _vm.SetPhysical(area.Vm, first);
        if (PhysicalMemory.IsRom(first, length))
            ShowAt(area.Start, FramesFrom(first, length));
        else
            FillOnes(area.Start, length);
        return area.Start + offset;
    }

    [KernelFunction("iounmap")]
    private void Iounmap(ulong address)
    {
        if (!IsVmallocAddress(address))
            return; // memremap() of RAM gives the direct map's address
        var area = AreaOf(address);
        if (area.Exists && area.Vm != 0)
            RemoveArea(area, freeVm: true);
        else
            _errors.Warn("iounmap", $"iounmap: bad address {address:x16}");
    }

    /// <summary>Fills a range got with get_vm_area(): RAM appears there, other physical addresses read as all ones.</summary>
    [KernelFunction("ioremap_page_range", Support = Support.Partial, Note = NoDevices)]
    [KernelFunction("vmap_range_noflush", Support = Support.Partial, Note = NoDevices)]
    private int IoremapPageRange(ulong start, ulong end, ulong physical)
    {
        var length = end - start;
        if (physical + length > _pages.RamSize)
        {
            FillOnes(start, length);
            return 0;
        }

        ShowAt(start, FramesFrom(physical, length));
        return 0;
    }

    private static ulong[] FramesFrom(ulong physical, ulong length)
    {
        var frames = new ulong[length >> AddressSpace.PageShift];
        for (var i = 0; i < frames.Length; i++)
            frames[i] = physical + ((ulong)i << AddressSpace.PageShift);
        return frames;
    }

    [KernelFunction("map_kernel_range_noflush")]
    private int MapKernelRange(ulong start, ulong length, ulong protection, ulong pages) =>
        VmapPagesRange(start, start + length, protection, pages);

    [KernelFunction("vmap_pages_range_noflush")]
    private int VmapPagesRange(ulong start, ulong end, ulong protection, ulong pages)
    {
        var physical = new ulong[(end - start) >> AddressSpace.PageShift];
        for (var i = 0; i < physical.Length; i++)
            physical[i] = AddressSpace.ToPhysical(AddressSpace.FromStructPage(_memory.ReadUInt64(pages + ((ulong)i * sizeof(ulong)))));
        ShowAt(start, physical);
        return 0;
    }

    [KernelFunction("vunmap_range")]
    [KernelFunction("vunmap_range_noflush")]
    private void VunmapRange(ulong start, ulong end)
    {
        var area = AreaOf(start);
        if (!area.Exists || area.IsCharged)
            return;
        _tables.Unmap(start, (end - start) >> AddressSpace.PageShift);
        if (area.Aliased != 0)
            _memory.Unalias(start, (end - start) >> AddressSpace.PageShift);
        _memory.SetAccess(start, end - start, Shadow.VmallocGuard);
    }

    [KernelFunction("unmap_kernel_range")]
    [KernelFunction("unmap_kernel_range_noflush")]
    private void UnmapKernelRange(ulong start, ulong length) => VunmapRange(start, start + length);

    private void ShowAt(ulong start, ulong[] physical)
    {
        var area = AreaOf(start);
        if (area.Exists && area.Aliased == 0)
        {
            area.Aliased = _arena.Allocate(area.Pages * sizeof(ulong));
            if (area.Aliased == 0)
                throw new InvalidOperationException("the core's metadata arena is full");
        }

        var first = (start - area.Start) >> AddressSpace.PageShift;
        for (var i = 0; area.Exists && i < physical.Length; i++)
            _memory.WriteUInt64(area.Aliased + ((first + (ulong)i) * sizeof(ulong)), physical[i]);
        _tables.Map(start, physical);
        _memory.Alias(start, physical);
        _memory.Allow(start, (ulong)physical.Length << AddressSpace.PageShift);
    }

    private void FillOnes(ulong start, ulong length)
    {
        for (ulong at = 0; at < length; at += AddressSpace.PageSize)
            _memory.Fill(start + at, AddressSpace.PageSize, 0xff);
        _tables.Map(start, length >> AddressSpace.PageShift);
        _memory.Allow(start, length);
    }
}
