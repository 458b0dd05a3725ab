using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Functions;

/// <summary>
/// Calls by C# in the name of functions that it stands for: each of them has on the stack the frame, with the return address, that the image's code
/// would have there. So a backtrace shows what it shows on Linux.
/// </summary>
internal sealed class CallChain(GuestMemory memory, KernelImage image, GuestCalls calls)
{
    private readonly UnwindTable _frames = new(memory, image);

    /// <summary>Where functions call each other.</summary>
    public CallSites Sites { get; } = new(memory, image);

    /// <summary>Calls a function from places in the image, the outermost of whose functions has just been entered.</summary>
    /// <param name="sites">The return addresses, the outermost first; 0 is a function that has no frame, as one that ends with a jump.</param>
    /// <param name="function">The function.</param>
    /// <param name="a0">Its first argument.</param>
    /// <param name="a1">Its second argument.</param>
    /// <param name="a2">Its third argument.</param>
    /// <param name="a3">Its fourth argument.</param>
    /// <param name="a4">Its fifth argument.</param>
    public GuestCall Call(ReadOnlySpan<ulong> sites, ulong function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0)
    {
        const ulong locals = 0x50; // below the frame pointer of a function that has one
        var (stack, rbp) = (calls.StackPointer, calls.FramePointer);
        ulong site = 0;
        foreach (var next in sites)
        {
            if (next == 0 || _frames.Find(next - 1) is not { } frame)
                continue;
            if (site != 0)
                memory.WriteUInt64(stack -= sizeof(ulong), site);
            var (caller, outerRbp) = (stack + sizeof(ulong), rbp);
            if (frame.IsByRbp)
            {
                rbp = caller - frame.Size;
                stack = rbp - locals;
            }
            else
            {
                stack = caller - frame.Size;
            }

            memory.Clear(stack, caller - sizeof(ulong) - stack); // what is older would look like calls that were made here
            if (frame.SavedRbp != 0)
                memory.WriteUInt64(caller + (ulong)frame.SavedRbp, outerRbp);
            site = next;
        }

        return site == 0 ? calls.Call(function, a0, a1, a2, a3, a4) : calls.CallFrom(site, stack, function, a0, a1, a2, a3, a4, framePointer: rbp);
    }
}
