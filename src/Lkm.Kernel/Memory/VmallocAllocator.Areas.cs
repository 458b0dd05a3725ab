using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>Ranges of addresses: where the next one lies, the list of all, and what is behind an address.</content>
public sealed partial class VmallocAllocator
{
    /// <summary>All areas, by address.</summary>
    internal IEnumerable<VmallocRange> Areas()
    {
        if (ListHead.IsEmpty(_memory, _areas))
            yield break;
        for (var node = ListHead.Next(_memory, _areas); node != _areas; node = ListHead.Next(_memory, node))
        {
            var area = FromNode(node);
            if (area.Aliased == 0)
                yield return new VmallocRange(area.Start, area.Pages, area.Vm == 0 ? 0 : _vm.Caller(area.Vm));
        }
    }

    private VmArea AreaAt(ulong address) => new(_memory, _areaLayout, address);

    private VmArea FromNode(ulong node) => AreaAt(node - _areaLayout.List);

    private VmArea AreaOf(ulong address)
    {
        var isOurs = IsVmallocOrModuleAddress(address);
        return AreaAt(isOurs ? _memory.ReadUInt64(MetadataLayout.OwnerOf(address)) : 0);
    }

    /// <summary>Takes a range, with a guard page behind it; nothing of it may be touched yet.</summary>
    private VmArea NewArea(ulong size, ulong align, ulong start, ulong end, ulong flags, ulong caller, bool withVm = true)
    {
        var address = FindRange(LengthWithGuard(size, flags), Math.Max(align, AddressSpace.PageSize), start, end);
        return address == 0 ? AreaAt(0) : NewAreaAt(address, size, flags, caller, withVm);
    }

    private static ulong LengthWithGuard(ulong size, ulong flags) =>
        AddressSpace.PageAlign(size) + ((flags & VmStruct.NoGuard) == 0 ? AddressSpace.PageSize : 0);

    private VmArea NewAreaAt(ulong address, ulong size, ulong flags, ulong caller, bool withVm = true)
    {
        var withGuard = LengthWithGuard(size, flags);
        var record = _arena.AllocateShared(_areaLayout.TotalSize);
        if (record == 0)
            return AreaAt(0);
        ulong vm = 0;
        if (withVm)
        {
            vm = _slab.Allocate(_vm.Size);
            if (vm == 0)
            {
                _arena.FreeShared(record, _areaLayout.TotalSize);
                return AreaAt(0);
            }

            _vm.Write(vm, address, withGuard, size, flags, caller);
        }

        var area = AreaAt(record);
        area.Start = address;
        area.End = address + withGuard;
        area.Vm = vm;
        area.Pages = AddressSpace.PageAlign(size) >> AddressSpace.PageShift;
        InsertSorted(area);
        SetOwners(address, withGuard, record);
        _memory.SetAccess(address, withGuard, Shadow.VmallocGuard);
        return area;
    }

    /// <summary>Ends a range: its memory is given back and poisoned.</summary>
    private void RemoveArea(VmArea area, bool freeVm)
    {
        var (start, length) = (area.Start, area.End - area.Start);
        _tables.Unmap(start, area.Pages);
        if (area.Aliased != 0)
        {
            _memory.Unalias(start, area.Pages);
            _arena.Free(area.Aliased, area.Pages * sizeof(ulong));
        }
        else if (area.IsCharged)
        {
            ReleaseOwnPages(area);
        }
        else
        {
            _memory.Discard(start, area.Pages << AddressSpace.PageShift);
        }

        _memory.SetAccess(start, length, Shadow.VmallocFreed);
        SetOwners(start, length, 0);
        ListHead.Remove(_memory, area.Node);
        if (freeVm && area.Vm != 0)
            _slab.Free(area.Vm);
        _arena.FreeShared(area.Address, _areaLayout.TotalSize);
    }

    // A page that somebody still holds, because vmalloc_to_page() led to it, goes when the last reference does.
    private void ReleaseOwnPages(VmArea area)
    {
        var count = area.Pages;
        ulong released = 0;
        for (ulong i = 0; i < count; i++)
        {
            var page = AddressSpace.ToStructPage(area.Start + (i << AddressSpace.PageShift));
            var references = _pages.Pages.References(page) - 1;
            _pages.Pages.SetReferences(page, references);
            if (references <= 0)
                released++;
        }

        _pages.Uncharge(released);
        if (released == count)
            _memory.Discard(area.Start, count << AddressSpace.PageShift);
    }

    private ulong FindRange(ulong length, ulong align, ulong start, ulong end)
    {
        var space = start >= ModuleSpace.Start ? ModuleSpace : VmallocSpace;
        // VMALLOC_END is 32 TiB behind the start, which is past the end of the address space here, and so comes as a small number.
        end = end < start ? space.End : Math.Min(end, space.End);
        start = Math.Max(start, space.Start);
        if (end < start || end - start < length)
            return 0;
        var next = Math.Max(_memory.ReadUInt64(space.Next), start);
        // Going on for ever would give what belongs to each page of the space, its shadow above all, host memory that it keeps.
        const ulong stretch = 128UL << 20;
        var address = next - start > stretch ? FindGap(length, align, start, Math.Min(end, start + stretch)) : 0;
        if (address == 0)
            address = FindGap(length, align, next, end);
        if (address == 0)
            address = FindGap(length, align, start, end);
        if (address != 0)
            _memory.WriteUInt64(space.Next, address + length);
        return address;
    }

    /// <summary>The first gap from an address on; mostly the address itself.</summary>
    private ulong FindGap(ulong length, ulong align, ulong from, ulong end)
    {
        var candidate = AlignUp(from, align);
        for (var at = candidate; candidate <= end - length && at < candidate + length; at += AddressSpace.PageSize)
        {
            if (AreaOf(at) is { Exists: true } area)
                candidate = at = AlignUp(area.End, align);
            if (candidate < from)
                return 0; // the space ends with the address space
        }

        return candidate <= end - length && !AreaOf(candidate).Exists ? candidate : 0;
    }

    private void InsertSorted(VmArea area)
    {
        if (_memory.ReadUInt64(_areas) == 0)
        {
            ListHead.Initialize(_memory, _areas);
            if (_lazyAreas != 0)
                ListHead.Initialize(_memory, _lazyAreas);
        }

        var at = ListHead.Previous(_memory, _areas);
        while (at != _areas && FromNode(at).Start > area.Start)
            at = ListHead.Previous(_memory, at);
        ListHead.AddAfter(_memory, area.Node, at);
    }

    private void SetOwners(ulong start, ulong length, ulong record)
    {
        for (ulong at = 0; at < length; at += AddressSpace.PageSize)
            _memory.WriteUInt64(MetadataLayout.OwnerOf(start + at), record);
    }

    private static ulong AlignUp(ulong value, ulong align) => (value + align - 1) / align * align;
}
