using System.Numerics;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Memory for the allocators' own records: sizes are powers of two, each with a list of free pieces. All of its state lies in guest
/// memory, so that a snapshot holds it.
/// </summary>
internal sealed class MetadataArena(GuestMemory memory)
{
    private const int SmallestShift = 5;
    private const ulong Next = MetadataLayout.ArenaState;
    private const ulong FreeLists = MetadataLayout.ArenaState + 8;

    /// <summary>Allocates a record, filled with zero.</summary>
    /// <returns>Its address, aligned to 32 bytes, or 0 when the arena is full.</returns>
    public ulong Allocate(ulong size)
    {
        var shift = Shift(size);
        var list = FreeLists + ((ulong)shift * 8);
        var address = memory.ReadUInt64(list);
        if (address != 0)
        {
            memory.WriteUInt64(list, memory.ReadUInt64(address));
            memory.Clear(address, size);
            return address;
        }

        address = memory.ReadUInt64(Next);
        if (address == 0)
            address = MetadataLayout.Arena;
        if (address + (1UL << shift) > MetadataLayout.Tracks)
            return 0;
        memory.WriteUInt64(Next, address + (1UL << shift));
        return address;
    }

    /// <summary>Allocates a record that guest code may read and write, such as a struct of Linux's.</summary>
    public ulong AllocateShared(ulong size)
    {
        var address = Allocate(size);
        if (address != 0)
            memory.Allow(address, size);
        return address;
    }

    /// <summary>Gives a record back.</summary>
    public void Free(ulong address, ulong size)
    {
        var list = FreeLists + ((ulong)Shift(size) * 8);
        memory.WriteUInt64(address, memory.ReadUInt64(list));
        memory.WriteUInt64(list, address);
    }

    /// <summary>Gives a record back that guest code could use.</summary>
    public void FreeShared(ulong address, ulong size)
    {
        memory.SetAccess(address, size, Shadow.Freed);
        Free(address, size);
    }

    /// <summary>Allocates a NUL-terminated string that guest code may read.</summary>
    public ulong AllocateString(ReadOnlySpan<byte> text)
    {
        var address = AllocateShared((ulong)text.Length + 1);
        text.CopyTo(memory.Span(address, text.Length));
        return address;
    }

    private static int Shift(ulong size) => Math.Max(SmallestShift, 64 - BitOperations.LeadingZeroCount(size - 1));
}
