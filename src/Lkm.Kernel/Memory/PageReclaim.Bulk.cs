using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Memory;

/// <content>Many pages at once.</content>
internal sealed partial class PageReclaim
{
    private static readonly string[] s_countedEntries = ["__alloc_pages_noprof", "__alloc_pages", "__alloc_pages_nodemask"];

    /// <summary>
    /// Fills the empty places of an array, or adds to a list; 6.14 dropped the list. It takes what is there in plenty; when that is nothing, it asks
    /// for one page as anybody does, who waits for it if the flags allow.
    /// </summary>
    [KernelFunction("__alloc_pages_bulk")]
    [KernelFunction("alloc_pages_bulk_noprof", Since = "6.10")]
    private async GuestTask<ulong> AllocPagesBulk(uint gfp, int node, ulong nodemask, int count, ulong listOrArray, ulong array, CallFrame frame)
    {
        var (list, slots) = _bulkHasList ? (listOrArray, array) : (0UL, listOrArray);
        var populated = SkipFilled(0);
        if (populated == count || _pages.ShallFail((GfpFlags)gfp, 0, frame.ReturnAddress))
            return (ulong)populated;
        var taken = 0;
        for (; populated < count && _pages.TakeFromPlenty((GfpFlags)gfp, 0, references: 1) is var address and not 0; taken++)
            Add(AddressSpace.ToStructPage(address));
        if (taken == 0 && await AllocateOne(gfp, node, nodemask) is var page and not 0)
            Add(page);
        return (ulong)populated;

        int SkipFilled(int slot)
        {
            while (slots != 0 && slot < count && _memory.ReadUInt64(slots + ((ulong)slot * sizeof(ulong))) != 0)
                slot++;
            return slot;
        }

        void Add(ulong page)
        {
            if (slots != 0)
                _memory.WriteUInt64(slots + ((ulong)populated * sizeof(ulong)), page);
            else
                ListHead.AddAfter(_memory, page + _pages.Pages.Lru, list);
            populated = SkipFilled(populated + 1);
        }
    }

    private async GuestTask<ulong> AllocateOne(uint gfp, int node, ulong nodemask)
    {
        if (Array.Find(s_countedEntries, name => _image.TrySymbol(name, out _)) is not { } entry)
            return 0;
        var caller = _image.Symbolise(_calls.InstructionPointer).Split('+')[0];
        return await _chain.Call(_chain.Sites.FindPath(caller, [], entry), _image.Symbol(entry), gfp, 0, (ulong)node, nodemask);
    }
}
