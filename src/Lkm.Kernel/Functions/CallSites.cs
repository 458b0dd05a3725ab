using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>Where functions of the image call each other: the return addresses that a stack holds while the other one runs.</summary>
public sealed class CallSites(GuestMemory memory, KernelImage image)
{
    /// <summary>Finds the first direct call of a function in another.</summary>
    /// <param name="caller">The name of the function that calls, or of a label in assembly code.</param>
    /// <param name="callee">The name of the function that is called.</param>
    /// <returns>The address behind the call; 0 where there is none, as when the compiler has built one into the other.</returns>
    public ulong Find(string caller, string callee)
    {
        const byte call = 0xe8;
        const int length = 5;
        if (!image.TrySymbol(caller, out var start) || !image.TrySymbol(callee, out var target) || !image.TryGetFunction(start, out _, out var end))
            return 0;
        for (var at = start; at + length <= end; at++)
        {
            if (memory.ReadByte(at) == call && at + length + (ulong)memory.ReadInt32(at + 1) == target)
                return at + length;
        }

        return 0;
    }
}
