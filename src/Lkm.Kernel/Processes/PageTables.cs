using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Processes;

/// <summary>Reads the page tables that the borrowed mm code writes (Intel SDM volume 3, 4.5), as the machine's MMU does.</summary>
internal sealed class PageTables(GuestMemory memory)
{
    private const ulong Present = 1, Large = 0x80, Frame = 0x000f_ffff_ffff_f000;
    private const int TopShift = 39, BitsPerLevel = 9;

    /// <summary>The physical page behind a user address.</summary>
    /// <param name="root">The top table (mm->pgd).</param>
    /// <param name="address">The user address.</param>
    /// <returns>Null when no page is present there.</returns>
    public ulong? Find(ulong root, ulong address)
    {
        var table = root;
        for (var shift = TopShift; ; shift -= BitsPerLevel)
        {
            var index = (address >> shift) & ((1UL << BitsPerLevel) - 1);
            var entry = memory.ReadUInt64(table + (index * sizeof(ulong)));
            if ((entry & Present) == 0)
                return null;
            var span = (1UL << shift) - 1;
            if (shift == AddressSpace.PageShift || (shift < TopShift && (entry & Large) != 0))
                return ((entry & Frame & ~span) | (address & span)) & ~(AddressSpace.PageSize - 1);
            table = AddressSpace.ToVirtual(entry & Frame);
        }
    }
}
