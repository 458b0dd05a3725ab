using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>The functions of mm/vmalloc.c and arch/x86/kernel/module.c.</content>
public sealed partial class VmallocAllocator
{
    [KernelFunction("__vmalloc_node_range")]
    [KernelFunction("__vmalloc_node_range_noprof", Since = "6.10")]
    private async GuestTask<ulong> VmallocNodeRange(
        ulong size, ulong align, ulong start, ulong end, uint gfp, ulong protection, ulong flags, int node, ulong caller, CallFrame frame)
    {
        if (IsAbsurd(size, frame))
            return 0;
        var address = await AllocateOrReclaim(size, align, start, end, (GfpFlags)gfp, flags, caller != 0 ? caller : frame.ReturnAddress);
        if (address != 0 && (protection & KernelPageTables.NoExecute) == 0)
            _tables.Change(address, size, 0, KernelPageTables.NoExecute);
        return address;
    }

    /// <summary>No bytes, or more than there is memory: the image's own function says so.</summary>
    private bool IsAbsurd(ulong size, CallFrame frame)
    {
        var isAbsurd = size == 0 || size >> AddressSpace.PageShift > _memory.ReadUInt64(_totalPages);
        if (isAbsurd)
            frame.Decline();
        return isAbsurd;
    }

    /// <summary>The callers of __vmalloc_node_range(), for compilers have built it into them (5.10).</summary>
    [KernelFunction("vmalloc")]
    [KernelFunction("vzalloc")]
    [KernelFunction("vmalloc_node")]
    [KernelFunction("vzalloc_node")]
    [KernelFunction("vmalloc_32")]
    private GuestTask<ulong> Vmalloc(ulong size, CallFrame frame) => IsAbsurd(size, frame) ? None : AllocateForKernel(size, AddressSpace.PageSize, GfpFlags.Kernel, 0, frame.ReturnAddress);

    [KernelFunction("vmalloc_user")]
    [KernelFunction("vmalloc_32_user")]
    private GuestTask<ulong> VmallocUser(ulong size, CallFrame frame) =>
        IsAbsurd(size, frame) ? None : AllocateForKernel(size, AddressSpace.PageSize, GfpFlags.Kernel, VmStruct.UserMap, frame.ReturnAddress);

    [KernelFunction("__vmalloc")]
    private GuestTask<ulong> VmallocWithFlags(ulong size, uint gfp, CallFrame frame) =>
        IsAbsurd(size, frame) ? None : AllocateForKernel(size, AddressSpace.PageSize, (GfpFlags)gfp, 0, frame.ReturnAddress);

    [KernelFunction("__vmalloc_node")]
    private GuestTask<ulong> VmallocNode(ulong size, ulong align, uint gfp, int node, ulong caller, CallFrame frame) =>
        IsAbsurd(size, frame) ? None : AllocateForKernel(size, align, (GfpFlags)gfp, 0, caller);

    private static GuestTask<ulong> None => GuestTask<ulong>.FromResult(0);

    private GuestTask<ulong> AllocateForKernel(ulong size, ulong align, GfpFlags gfp, ulong flags, ulong caller) =>
        AllocateOrReclaim(size, align, VmallocSpace.Start, VmallocSpace.End, gfp, flags, caller);

    /// <summary>
    /// kmalloc(), or vmalloc() where there are no pages in a row. Borrowed until compilers built SLUB's fast path into it (7). The arguments
    /// grew: a set of caches behind the size (6.11, CONFIG_SLAB_BUCKETS), an alignment behind that (6.18).
    /// </summary>
    [KernelFunction("__kvmalloc_node_noprof", Note = "there is one node: the node asked for is not looked at", Since = "6.10")]
    private async GuestTask<ulong> Kvmalloc(ulong size, ulong second, ulong third, ulong fourth, CallFrame frame)
    {
        var (align, gfp) = (_kvmallocHasBuckets, _kvmallocHasAlign) switch
        {
            (true, true) => (third, fourth),
            (true, false) => (1UL, third),
            (false, true) => (second, third),
            _ => (1UL, second),
        };
        var flags = (GfpFlags)(uint)gfp;
        const ulong most = int.MaxValue;
        var isLarge = size > AddressSpace.PageSize;
        var address = await _slab.KmallocOrReclaim(size, isLarge ? (flags | GfpFlags.NoWarn | GfpFlags.NoRetry) & ~GfpFlags.NoFail : flags, frame);
        return address != 0 || !isLarge || size > most
            ? address
            : await AllocateForKernel(size, align, flags, 0, frame.ReturnAddress);
    }

    [KernelFunction("module_alloc")]
    private ulong ModuleAlloc(ulong size, CallFrame frame) => AllocateForModule(size, frame);

    /// <summary>6.10 and later: module text, BPF and kprobe pages are allocated by what they are for.</summary>
    [KernelFunction("execmem_alloc", Since = "6.10")]
    [KernelFunction("execmem_alloc_rw", Since = "6.16")]
    private ulong ExecmemAlloc(int type, ulong size, CallFrame frame)
    {
        var address = AllocateForModule(size, frame);
        if (address != 0 && type != _image.Enumerator("EXECMEM_MODULE_DATA"))
            _tables.Change(address, size, 0, KernelPageTables.NoExecute);
        return address;
    }

    [KernelFunction("vfree")]
    private void VfreeSleeping(ulong address, CallFrame frame)
    {
        MightFree?.Invoke();
        FreeMemory(address, frame.ReturnAddress);
    }

    [KernelFunction("vfree_atomic")]
    [KernelFunction("module_memfree")]
    [KernelFunction("execmem_free", Since = "6.10")]
    private void Vfree(ulong address, CallFrame frame) => FreeMemory(address, frame.ReturnAddress);

    /// <summary>Code is made of pages of its own here, never carved out of read-only huge pages.</summary>
    [KernelFunction("execmem_is_rox", Since = "6.13")]
    private bool ExecmemIsRox() => false;

    [KernelFunction("vrealloc_noprof", Since = "6.12")]
    private ulong Vrealloc(ulong address, ulong size, uint gfp, CallFrame frame) => Reallocate(address, size, (GfpFlags)gfp, frame);

    [KernelFunction("vrealloc_node_align_noprof", Since = "6.18")]
    private ulong VreallocNodeAlign(ulong address, ulong size, ulong align, uint gfp, CallFrame frame) =>
        Reallocate(address, size, (GfpFlags)gfp, frame);

    [KernelFunction("vmap")]
    private ulong Vmap(ulong pages, uint count, ulong flags, ulong protection, CallFrame frame)
    {
        var area = NewAlias(pages, count, (flags & ~VmStruct.NoGuard) | VmStruct.Map, frame.ReturnAddress, withVm: true);
        if (!area.Exists)
            return 0;
        if ((flags & VmStruct.MapPutPages) != 0)
            _vm.SetPages(area.Vm, pages, count);
        return area.Start;
    }

    [KernelFunction("vunmap")]
    private void Vunmap(ulong address)
    {
        var area = AreaOf(address);
        if (address != 0 && (!area.Exists || area.Start != address))
            _errors.Warn("vunmap", $"Trying to vunmap() nonexistent vm area ({address:x16})");
        else if (address != 0)
            RemoveArea(area, freeVm: true);
    }

    [KernelFunction("vm_map_ram")]
    private ulong VmMapRam(ulong pages, uint count, CallFrame frame)
    {
        var area = NewAlias(pages, count, VmStruct.Map, frame.ReturnAddress, withVm: false);
        return area.Exists ? area.Start : 0;
    }

    [KernelFunction("vm_unmap_ram")]
    private void VmUnmapRam(ulong address) => Vunmap(address);

    /// <summary>Shows page frames by their numbers.</summary>
    [KernelFunction("vmap_pfn")]
    private ulong VmapPfn(ulong frames, uint count, ulong protection, CallFrame frame)
    {
        var physical = new ulong[count];
        for (uint i = 0; i < count; i++)
            physical[i] = _memory.ReadUInt64(frames + (i * sizeof(ulong))) << AddressSpace.PageShift;
        var area = NewAlias(physical, VmStruct.IoRemap, frame.ReturnAddress, withVm: true);
        return area.Exists ? area.Start : 0;
    }

    [KernelFunction("vm_unmap_aliases")]
    private void VmUnmapAliases()
    {
        // Nothing is unmapped lazily.
    }

    [KernelFunction("vmalloc_to_page")]
    private ulong VmallocToPage(ulong address) =>
        PhysicalOf(address) is { } physical ? AddressSpace.ToStructPage(AddressSpace.ToVirtual(physical)) : 0;

    [KernelFunction("vmalloc_to_pfn")]
    private ulong VmallocToPfn(ulong address) => (PhysicalOf(address) ?? 0) >> AddressSpace.PageShift;

    [KernelFunction("is_vmalloc_addr")]
    private bool IsVmallocAddress(ulong address) => address is >= AddressSpace.VmallocStart and < AddressSpace.VmallocEnd;

    [KernelFunction("is_vmalloc_or_module_addr")]
    private bool IsVmallocOrModuleAddress(ulong address) =>
        IsVmallocAddress(address) || address is >= AddressSpace.ModulesStart and < AddressSpace.ModulesEnd;

    /// <summary>Whether virt_to_page() makes sense: of the direct map and the image only, although here all of the window has pages.</summary>
    [KernelFunction("__virt_addr_valid")]
    private bool IsVirtualAddressValid(ulong address) =>
        (address >= AddressSpace.PageOffset && address - AddressSpace.PageOffset < _pages.RamSize)
        || address is >= AddressSpace.KernelMap and < AddressSpace.ModulesStart;

    [KernelFunction("find_vm_area")]
    private ulong FindVmArea(ulong address) => AreaOf(address) is { Exists: true } area ? area.Vm : 0;

    [KernelFunction("find_vmap_area")]
    private ulong FindVmapArea(ulong address) => AreaOf(address).Address;

    /// <summary>Ends an area; its struct vm_struct stays with the caller.</summary>
    [KernelFunction("remove_vm_area")]
    private ulong RemoveVmArea(ulong address)
    {
        var area = AreaOf(address);
        if (!area.Exists || area.Vm == 0)
            return 0;
        var vm = area.Vm;
        RemoveArea(area, freeVm: false);
        return vm;
    }

    [KernelFunction("get_vm_area")]
    private ulong GetVmArea(ulong size, ulong flags, CallFrame frame) =>
        GetVmAreaCaller(size, flags, frame.ReturnAddress);

    [KernelFunction("get_vm_area_caller")]
    private ulong GetVmAreaCaller(ulong size, ulong flags, ulong caller) =>
        NewArea(size, AlignOf(size, flags), VmallocSpace.Start, VmallocSpace.End, flags, caller) is { Exists: true } area ? area.Vm : 0;

    [KernelFunction("__get_vm_area_caller")]
    private ulong GetVmAreaInRange(ulong size, ulong flags, ulong start, ulong end, ulong caller) =>
        NewArea(size, AlignOf(size, flags), start, end, flags, caller) is { Exists: true } area ? area.Vm : 0;

    private ulong AllocateForModule(ulong size, CallFrame frame) => AllocateMemory(
        size, AddressSpace.PageSize, ModuleSpace.Start, ModuleSpace.End, GfpFlags.Zero, 0, frame.ReturnAddress);

    /// <summary>vrealloc(): within the pages at the same place, otherwise by a copy.</summary>
    private ulong Reallocate(ulong address, ulong size, GfpFlags gfp, CallFrame frame)
    {
        if (size == 0)
        {
            FreeMemory(address, frame.ReturnAddress);
            return 0;
        }

        if (address == 0)
            return AllocateMemory(size, AddressSpace.PageSize, VmallocSpace.Start, VmallocSpace.End, gfp, 0, frame.ReturnAddress);
        var area = AreaOf(address);
        if (!area.Exists || area.Start != address)
        {
            _errors.Warn("vrealloc", $"Trying to vrealloc() nonexistent vm area ({address:x16})");
            return 0;
        }

        var room = area.Pages << AddressSpace.PageShift;
        if (size <= room)
        {
            if ((gfp & GfpFlags.Zero) != 0)
                _memory.Clear(address + size, room - size);
            _memory.SetAccess(address, room, Shadow.VmallocGuard);
            _memory.Allow(address, size);
            return address;
        }

        var copy = AllocateMemory(size, AddressSpace.PageSize, VmallocSpace.Start, VmallocSpace.End, gfp, 0, frame.ReturnAddress);
        if (copy == 0)
            return 0;
        _memory.Copy(address, copy, room);
        FreeMemory(address, frame.ReturnAddress);
        return copy;
    }

    private VmArea NewAlias(ulong pages, uint count, ulong flags, ulong caller, bool withVm)
    {
        var physical = new ulong[count];
        for (uint i = 0; i < count; i++)
            physical[i] = AddressSpace.ToPhysical(AddressSpace.FromStructPage(_memory.ReadUInt64(pages + (i * sizeof(ulong)))));
        return NewAlias(physical, flags, caller, withVm);
    }

    private VmArea NewAlias(ulong[] physical, ulong flags, ulong caller, bool withVm)
    {
        var size = (ulong)physical.Length << AddressSpace.PageShift;
        var none = AreaAt(0);
        if (size == 0 || ShallFail(size, GfpFlags.None, caller))
            return none;
        var table = _arena.Allocate((ulong)physical.Length * sizeof(ulong));
        var area = table == 0 ? none : NewArea(size, AddressSpace.PageSize, VmallocSpace.Start, VmallocSpace.End, flags, caller, withVm);
        if (!area.Exists)
        {
            if (table != 0)
                _arena.Free(table, (ulong)physical.Length * sizeof(ulong));
            return none;
        }

        for (var i = 0; i < physical.Length; i++)
            _memory.WriteUInt64(table + ((ulong)i * sizeof(ulong)), physical[i]);
        area.Aliased = table;
        _tables.Map(area.Start, physical);
        _memory.Alias(area.Start, physical);
        _memory.Allow(area.Start, size);
        return area;
    }

    /// <summary>The physical address behind an address of vmalloc or module space.</summary>
    private ulong? PhysicalOf(ulong address)
    {
        var area = AreaOf(address);
        var index = area.Exists ? (address - area.Start) >> AddressSpace.PageShift : 0;
        if (!area.Exists || index >= area.Pages)
            return null;
        return area.Aliased != 0
            ? _memory.ReadUInt64(area.Aliased + (index * sizeof(ulong))) + (address & (AddressSpace.PageSize - 1))
            : AddressSpace.ToPhysical(address);
    }

    // __get_vm_area_node(): ioremap areas are aligned to their size, within limits.
    private static ulong AlignOf(ulong size, ulong flags)
    {
        const ulong largest = 1UL << 30; // IOREMAP_MAX_ORDER
        return (flags & VmStruct.IoRemap) == 0 ? AddressSpace.PageSize
            : Math.Clamp(System.Numerics.BitOperations.RoundUpToPowerOf2(size), AddressSpace.PageSize, largest);
    }
}
