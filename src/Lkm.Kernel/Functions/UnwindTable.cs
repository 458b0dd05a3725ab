using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// The image's own unwind table (ORC, arch/x86/include/asm/orc_types.h): what a function's stack frame is at an instruction.
/// </summary>
internal sealed class UnwindTable(GuestMemory memory, KernelImage image)
{
    private const int EntrySize = 6;
    private const int PreviousStackPointer = 1, FramePointer = 4, StackPointer = 5; // ORC_REG_PREV_SP, ORC_REG_BP, ORC_REG_SP

    private readonly ulong _addresses = image.SymbolOrZero("__start_orc_unwind_ip");
    private readonly ulong _addressesEnd = image.SymbolOrZero("__stop_orc_unwind_ip");
    private readonly ulong _entries = image.SymbolOrZero("__start_orc_unwind");

    /// <summary>Finds the frame at an instruction.</summary>
    /// <param name="instruction">Its address.</param>
    /// <returns>The frame; null where the table finds it otherwise than by the stack pointer or RBP.</returns>
    public UnwindFrame? Find(ulong instruction)
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
        if ((registers & 15) is not (StackPointer or FramePointer))
            return null;
        var savedRbp = registers >> 4 == PreviousStackPointer ? (short)memory.ReadUInt16(entry + 2) : 0;
        return new UnwindFrame((ulong)(short)memory.ReadUInt16(entry), (registers & 15) == FramePointer, savedRbp);
    }
}

/// <summary>A function's stack frame at an instruction.</summary>
/// <param name="Size">Bytes from the stack pointer there, or from RBP, to where the stack pointer is in the caller after the return.</param>
/// <param name="IsByRbp">Whether they count from RBP.</param>
/// <param name="SavedRbp">Where the caller's RBP lies from there; 0 if it is in its register.</param>
internal readonly record struct UnwindFrame(ulong Size, bool IsByRbp, long SavedRbp);
