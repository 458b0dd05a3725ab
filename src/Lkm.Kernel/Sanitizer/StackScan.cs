using System.Runtime.InteropServices;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Finds the call chain of an allocator call without unwind tables: words on the stack that point behind a call instruction. A stale
/// word of an earlier call may be among them; the first entry, the return address, is exact.
/// </summary>
internal sealed class StackScan(GuestMemory memory, KernelImage image, PerCpuArea perCpu)
{
    private const ulong MostBytes = 1024;

    private readonly (ulong Start, ulong End) _systemCalls = Bounds(image, "do_syscall_64");

    /// <summary>Scans the stack that a call was made on.</summary>
    /// <returns>How many return addresses were found.</returns>
    public int Scan(CallFrame frame, Span<ulong> frames) => Scan(frame.StackPointer, frames);

    /// <summary>Scans the stack of a function that has just been entered.</summary>
    /// <param name="stack">The stack pointer, which points at the return address.</param>
    /// <param name="frames">Return addresses, the nearest first.</param>
    /// <returns>How many were found.</returns>
    public int Scan(ulong stack, Span<ulong> frames)
    {
        if (frames.IsEmpty)
            return 0;
        frames[0] = memory.ReadUInt64(stack);
        var count = 1;
        var sp = stack + 8;
        var top = memory.ReadUInt64(perCpu.TopOfStack);
        var size = top > sp && top - sp < image.ThreadSize ? Math.Min(top - sp, MostBytes) : MostBytes;
        if (!GuestMemory.Contains(sp, size))
            return count;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(memory.Span(sp, (int)size)))
        {
            if (!IsReturnAddress(word))
                continue;
            frames[count++] = word;
            if (count == frames.Length)
                break;
            if (word > _systemCalls.Start && word <= _systemCalls.End && top > sp)
            {
                // Its frame has room of a random size, full of what lay there before; it was called right below the user's registers.
                frames[count++] = memory.ReadUInt64(top - PtRegs.Size - sizeof(ulong));
                break;
            }
        }

        return count;
    }

    private static (ulong Start, ulong End) Bounds(KernelImage image, string function) =>
        image.TrySymbol(function, out var address) && image.TryGetBounds(address, out var start, out var end) ? (start, end) : (ulong.MaxValue, 0);

    /// <summary>Whether an address lies in code, behind a call.</summary>
    public bool IsReturnAddress(ulong address)
    {
        if (address < AddressSpace.KernelMap || address >= AddressSpace.ModulesEnd)
            return false;
        if (address < AddressSpace.ModulesStart ? !image.IsText(address) : memory.ShadowAt(address) is Shadow.Unmapped or >= Shadow.Poison)
            return false;
        var before = memory.Span(address - 7, 7);
        const byte callRelative = 0xe8;
        return before[2] == callRelative || IsIndirectCall(before[5..]) || IsIndirectCall(before[4..]) || IsIndirectCall(before[1..])
            || IsIndirectCall(before);
    }

    // FF /2: the operand's length is what the place of the opcode before the return address says.
    private static bool IsIndirectCall(ReadOnlySpan<byte> code) => code[0] == 0xff && (code[1] & 0x38) == 0x10;
}
