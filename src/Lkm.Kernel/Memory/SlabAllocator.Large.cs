using System.Numerics;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>kmalloc() of more than two pages: pages of their own (kmalloc_large()), with at least one page of red zone behind.</content>
public sealed partial class SlabAllocator
{
    private const ulong MaximumKmalloc = AddressSpace.PageSize << MemoryNode.MaximumOrder; // KMALLOC_MAX_SIZE

    private ulong AllocateLarge(ulong size, GfpFlags gfp, CallFrame? frame)
    {
        if (ShallFail(size, gfp, frame))
            return 0;
        _lacksPages = true;
        if (size > MaximumKmalloc)
            return 0;
        var order = OrderOf(size);
        // A size that fills its pages gets a block of twice the size, whose second half is the red zone, where there is one so large.
        var fills = size == AddressSpace.PageSize << order;
        var blockOrder = fills && order < MemoryNode.MaximumOrder ? order + 1 : order;
        var address = AllocatePages(gfp & ~GfpFlags.Compound, ref blockOrder, order);
        if (address == 0)
            return 0;
        _lacksPages = false;

        var slab = NewRecord(address, blockOrder, 1);
        if (!slab.Exists)
        {
            _pages.Free(address, blockOrder, 0);
            return 0;
        }

        if (order > 0)
            _pages.Pages.PrepareCompound(address, order);
        slab.Stride = (uint)(AddressSpace.PageSize << order);
        slab.InUse = 1;
        _memory.SetAccess(address, AddressSpace.PageSize << blockOrder, Shadow.Redzone);
        var record = slab[0];
        record.Slab = slab.Address;
        CountPages(isReclaimable: false, 1L << blockOrder);
        GiveOut(record, address, (uint)size, frame);
        return address;
    }

    private static int OrderOf(ulong size) =>
        BitOperations.Log2(BitOperations.RoundUpToPowerOf2(AddressSpace.PageAlign(size) >> AddressSpace.PageShift));
}
