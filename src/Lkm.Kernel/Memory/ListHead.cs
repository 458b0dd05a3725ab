using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>Linux's doubly linked lists (include/linux/list.h) in guest memory: next at 0, prev at 8.</summary>
internal static class ListHead
{
    private const ulong Poison1 = 0xdead000000000100;
    private const ulong Poison2 = 0xdead000000000122;

    /// <summary>INIT_LIST_HEAD().</summary>
    public static void Initialize(GuestMemory memory, ulong head)
    {
        memory.WriteUInt64(head, head);
        memory.WriteUInt64(head + 8, head);
    }

    /// <summary>list_empty(); a head that was never initialised counts as empty.</summary>
    public static bool IsEmpty(GuestMemory memory, ulong head) => memory.ReadUInt64(head) is var next && (next == head || next == 0);

    /// <summary>The next entry.</summary>
    public static ulong Next(GuestMemory memory, ulong entry) => memory.ReadUInt64(entry);

    /// <summary>The previous entry.</summary>
    public static ulong Previous(GuestMemory memory, ulong entry) => memory.ReadUInt64(entry + 8);

    /// <summary>list_add(): behind <paramref name="at"/>.</summary>
    public static void AddAfter(GuestMemory memory, ulong entry, ulong at)
    {
        var next = memory.ReadUInt64(at);
        memory.WriteUInt64(entry, next);
        memory.WriteUInt64(entry + 8, at);
        memory.WriteUInt64(next + 8, entry);
        memory.WriteUInt64(at, entry);
    }

    /// <summary>list_add_tail(): at the end of the list.</summary>
    public static void AddTail(GuestMemory memory, ulong entry, ulong head) => AddAfter(memory, entry, memory.ReadUInt64(head + 8));

    /// <summary>list_del(), which leaves poison in the entry.</summary>
    public static void Remove(GuestMemory memory, ulong entry)
    {
        var (next, previous) = (memory.ReadUInt64(entry), memory.ReadUInt64(entry + 8));
        memory.WriteUInt64(next + 8, previous);
        memory.WriteUInt64(previous, next);
        memory.WriteUInt64(entry, Poison1);
        memory.WriteUInt64(entry + 8, Poison2);
    }
}
