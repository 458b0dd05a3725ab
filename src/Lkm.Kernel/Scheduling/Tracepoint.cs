using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>A tracepoint of the image (DECLARE_TRACE()) that C# comes by. Who listens is asked as its static branch does.</summary>
internal sealed class Tracepoint(GuestMemory memory, KernelImage image, GuestCalls calls, string name)
{
    private readonly ulong _enabled = image.TrySymbol("__tracepoint_" + name, out var address) ? address + image.Struct("tracepoint")["key"] : 0;
    private readonly ulong _iterator = image.SymbolOrZero("__traceiter_" + name);

    /// <summary>Whether a probe is registered.</summary>
    public bool IsEnabled => _enabled != 0 && memory.ReadInt32(_enabled) > 0;

    /// <summary>Calls the probes.</summary>
    /// <param name="first">The first argument of the event.</param>
    /// <param name="second">The second argument.</param>
    /// <param name="third">The third argument.</param>
    /// <param name="fourth">The fourth argument.</param>
    public async GuestTask Call(ulong first, ulong second = 0, ulong third = 0, ulong fourth = 0)
    {
        const ulong noData = 0; // each probe is called with its own
        await calls.Call(_iterator, noData, first, second, third, fourth);
    }
}
