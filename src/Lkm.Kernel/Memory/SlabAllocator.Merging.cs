using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>
/// Merging (mm/slab_common.c, find_mergeable()). A cache that Linux would serve from another one is on no list, so that /proc/slabinfo does not show it,
/// and a link in sysfs; here it has objects of its own all the same, and so errors of its own.
/// </content>
public sealed partial class SlabAllocator
{
    /// <summary>The cache that Linux would take in place of a new one; 0 for none.</summary>
    /// <param name="size">The new one's, as Linux lays it out.</param>
    /// <param name="align">The alignment of its objects.</param>
    /// <param name="flags">Its flags.</param>
    private ulong FindMergeable(uint size, uint align, uint flags)
    {
        if ((flags & _flags.NeverMerge) != 0 || (_image.TrySymbol("slab_nomerge", out var never) && _memory.ReadByte(never) != 0))
            return 0;
        for (var node = ListHead.Previous(_memory, _slabCaches); node != _slabCaches; node = ListHead.Previous(_memory, node))
        {
            var cache = _struct.FromListNode(node);
            var own = _struct.Stride(cache);
            if (_struct.IsMergeable(cache, _flags.NeverMerge) && size <= own && own - size < sizeof(ulong)
                && ((flags ^ _struct.Flags(cache)) & _flags.MergeSame) == 0 && (own & (align - 1)) == 0)
                return cache;
        }

        return 0;
    }

    /// <summary>Shows a new cache in sysfs: by a directory, or as another name of the one that Linux would have merged it with.</summary>
    private async GuestTask ShowInSysfs(ulong cache, ulong merged)
    {
        if (merged != 0)
            await _calls.Call(_image.Symbol("sysfs_slab_alias"), merged, _struct.NameAddress(cache));
        else if (IsSysfsUp)
            await _calls.Call(_image.Symbol("sysfs_slab_add"), cache);
    }
}
