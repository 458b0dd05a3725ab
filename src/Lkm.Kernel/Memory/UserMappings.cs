using Lkm.Formats;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// vmalloc memory in user address spaces (mm/vmalloc.c, remap_vmalloc_range_partial()). The image's own looks for the area in a tree that
/// the core's allocator does not keep; the pages go through the image's vm_insert_page().
/// </summary>
public sealed partial class UserMappings
{
    private const ulong DmaCoherent = 0x10; // VM_DMA_COHERENT

    private readonly GuestMemory _memory;
    private readonly VmallocAllocator _vmalloc;
    private readonly GuestCalls _calls;
    private readonly VmStruct _vm;
    private readonly ulong _insertPage, _vmFlags;

    /// <summary>Looks up what a mapping is made with.</summary>
    public UserMappings(GuestMemory memory, KernelImage image, VmallocAllocator vmalloc, GuestCalls calls)
    {
        _memory = memory;
        _vmalloc = vmalloc;
        _calls = calls;
        _vm = new VmStruct(memory, image);
        _insertPage = image.Symbol("vm_insert_page");
        _vmFlags = image.Struct("vm_area_struct")["vm_flags"];
    }

    [KernelFunction("remap_vmalloc_range_partial")]
    private async GuestTask<int> RemapVmallocRangePartial(ulong vma, ulong userAddress, ulong address, ulong pageOffset, ulong size)
    {
        const ulong dontExpand = 0x00040000, dontDump = 0x04000000, pageMask = AddressSpace.PageSize - 1;
        var start = address + (pageOffset << AddressSpace.PageShift);
        var length = AddressSpace.PageAlign(size);
        if (pageOffset >> (64 - AddressSpace.PageShift) != 0 || ((userAddress | address) & pageMask) != 0
            || _vmalloc.VmOf(address) is not (var vm and not 0)
            || (_vm.Flags(vm) & (VmStruct.UserMap | DmaCoherent)) == 0
            || (start - address) + length > _vmalloc.LengthOf(address))
            return -(int)Errno.EINVAL;
        for (ulong at = 0; at < length; at += AddressSpace.PageSize)
        {
            var result = (int)await _calls.Call(_insertPage, vma, userAddress + at, _vmalloc.PageOf(start + at));
            if (result != 0)
                return result;
        }

        _memory.WriteUInt64(vma + _vmFlags, _memory.ReadUInt64(vma + _vmFlags) | dontExpand | dontDump);
        return 0;
    }
}
