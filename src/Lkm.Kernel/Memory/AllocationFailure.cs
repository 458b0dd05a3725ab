using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// What the log says when there are no pages left: the image's own warn_alloc() (mm/page_alloc.c), called as __alloc_pages_slowpath() calls it, with
/// the stack and the state of memory.
/// </summary>
internal sealed class AllocationFailure(GuestMemory memory, KernelImage image, CallChain chain)
{
    private static readonly string[] s_entries = ["__alloc_frozen_pages_noprof", "__alloc_pages_noprof", "__alloc_pages", "__alloc_pages_nodemask"];
    private static readonly string[] s_slowPaths = ["__alloc_pages_slowpath.constprop.0", "__alloc_pages_slowpath"];

    private ulong _format;

    /// <summary>Says that there is no block of an order; the allocating function has just been entered.</summary>
    public async GuestTask Warn(GfpFlags gfp, int order)
    {
        const ulong anyNode = 0;
        if ((gfp & GfpFlags.NoWarn) != 0 || Present(s_slowPaths) is not { } slowPath || Present(s_entries) is not { } entry || Format == 0)
            return;
        ulong[] sites = [chain.Sites.Find(entry, slowPath), chain.Sites.Find(slowPath, "warn_alloc")];
        await chain.Call(sites, image.Symbol("warn_alloc"), (uint)gfp, anyNode, Format, (ulong)order);
    }

    /// <summary>The image's own text.</summary>
    private ulong Format
    {
        get
        {
            if (_format != 0)
                return _format;
            var (start, end) = (image.Symbol("__start_rodata"), image.Symbol("__end_rodata"));
            var at = memory.Span(start, (int)(end - start)).IndexOf("page allocation failure: order:%u"u8);
            return _format = at < 0 ? 0 : start + (ulong)at;
        }
    }

    private string? Present(string[] names) => Array.Find(names, name => image.TrySymbol(name, out _));
}
