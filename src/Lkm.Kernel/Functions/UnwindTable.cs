using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// The image's own unwind table (ORC, arch/x86/include/asm/orc_types.h): how large a function's stack frame is at an instruction, and where
/// the caller's RBP lies.
/// </summary>
internal sealed class UnwindTable(GuestMemory memory, KernelImage image)
{
    private const int EntrySize = 6;
    private const int PreviousStackPointer = 1, StackPointer = 5; // ORC_REG_PREV_SP, ORC_REG_SP

    private readonly ulong _addresses = image.SymbolOrZero("__start_orc_unwind_ip");
    private readonly ulong _addressesEnd = image.SymbolOrZero("__stop_orc_unwind_ip");
    private readonly ulong _entries = image.SymbolOrZero("__start_orc_unwind");

    /// <summary>Finds the frame at an instruction.</summary>
    /// <param name="instruction">Its address.</param>
    /// <returns>
    /// Bytes from the stack pointer there to where it is in the caller after the return, and where the caller's RBP lies from there, 0 if it is in its
    /// register; null where the table finds the frame otherwise than by the stack pointer.
    /// </returns>
    public (ulong Size, long SavedRbp)? Find(ulong instruction)
    {
        ulong low = 0, high = (_addressesEnd - _addresses) / sizeof(int);
        while (low < high)
        {
            var middle = (low + high) / 2;
            var slot = _addresses + (middle * sizeof(int));
            if (slot + (ulong)memory.ReadInt32(slot) <= instruction)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0)
            return null;
        var entry = _entries + ((low - 1) * EntrySize);
        var registers = memory.ReadByte(entry + 4);
        if ((registers & 15) != StackPointer)
            return null;
        return ((ulong)(short)memory.ReadUInt16(entry), registers >> 4 == PreviousStackPointer ? (short)memory.ReadUInt16(entry + 2) : 0);
    }
}
