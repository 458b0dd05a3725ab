using System.Numerics;
using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>
/// A table from addresses to numbers in memory of the host's, with open addressing. Neither address 0 nor number 0 is ever in it.
/// (A dictionary of the library would do, but handlers look here, and it must not move.)
/// </summary>
internal unsafe struct AddressTable
{
    private const int SmallestSize = 1 << 12;

    private Slot* _slots;
    private ulong _mask;
    private uint _count;

    private struct Slot
    {
        internal ulong Address;
        internal uint Number;
    }

    internal static AddressTable Create() => new() { _slots = Reserve(SmallestSize), _mask = SmallestSize - 1 };

    /// <summary>An empty table that will not have to grow for so many addresses.</summary>
    internal static AddressTable Create(int addresses)
    {
        var size = Math.Max(SmallestSize, BitOperations.RoundUpToPowerOf2(2UL * (uint)addresses + 2));
        var slots = Reserve(size);
        HostMemory.Populate((byte*)slots, size * (ulong)sizeof(Slot));
        return new() { _slots = slots, _mask = size - 1 };
    }

    /// <summary>The number of an address, 0 if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly uint Find(ulong address)
    {
        for (var at = Home(address); ; at = (at + 1) & _mask)
        {
            var slot = _slots + at;
            if (slot->Address == address)
                return slot->Number;
            if (slot->Address == 0)
                return 0;
        }
    }

    internal void Set(ulong address, uint number)
    {
        if (2 * _count > _mask)
            Grow();
        var slot = SlotOf(address);
        if (slot->Address == 0)
            _count++;
        *slot = new Slot { Address = address, Number = number };
    }

    internal void Remove(ulong address)
    {
        var slot = SlotOf(address);
        if (slot->Address == 0)
            return;
        _count--;
        // Whoever follows without a gap, and would be looked for at or before the hole, moves into it.
        var hole = (ulong)(slot - _slots);
        for (var at = (hole + 1) & _mask; _slots[at].Address != 0; at = (at + 1) & _mask)
        {
            if (((at - Home(_slots[at].Address)) & _mask) < ((at - hole) & _mask))
                continue;
            _slots[hole] = _slots[at];
            hole = at;
        }
        _slots[hole] = default;
    }

    internal void Clear()
    {
        Dispose();
        this = Create();
    }

    internal readonly void Dispose() => HostMemory.Unmap((byte*)_slots, (_mask + 1) * (ulong)sizeof(Slot));

    private void Grow()
    {
        var old = this;
        _mask = 2 * old._mask + 1;
        _slots = Reserve(_mask + 1);
        for (ulong at = 0; at <= old._mask; at++)
        {
            if (old._slots[at].Address != 0)
                *SlotOf(old._slots[at].Address) = old._slots[at];
        }
        old.Dispose();
    }

    // Where an address is, or the free slot where it would be.
    private readonly Slot* SlotOf(ulong address)
    {
        var at = Home(address);
        while (_slots[at].Address != 0 && _slots[at].Address != address)
            at = (at + 1) & _mask;
        return _slots + at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly ulong Home(ulong address) => ((address * 0x9E37_79B9_7F4A_7C15) >> 32) & _mask;

    private static Slot* Reserve(ulong slots) => (Slot*)HostMemory.Reserve(slots * (ulong)sizeof(Slot));
}
