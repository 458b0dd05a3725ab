namespace Lkm.Machine;

/// <summary>
/// A set of addresses, asked once for each instruction decoded. (Collections of the library over primitive types are compiled at
/// run time even in a program compiled ahead of time; this one is not.)
/// </summary>
internal sealed class HookSet
{
    private ulong[] _slots = new ulong[256]; // 0: free; no hook is at address 0
    private int _count;

    internal bool Contains(ulong address) => _count != 0 && address != 0 && _slots[Slot(_slots, address)] == address;

    internal bool Add(ulong address)
    {
        if (address == 0 || Contains(address))
            return false;
        if (2 * _count >= _slots.Length)
            Rebuild(2 * _slots.Length, except: 0);
        _slots[Slot(_slots, address)] = address;
        _count++;
        return true;
    }

    internal bool Remove(ulong address)
    {
        if (!Contains(address))
            return false;
        Rebuild(_slots.Length, except: address);
        _count--;
        return true;
    }

    /// <summary>The addresses.</summary>
    internal ulong[] ToArray() => Missing(from: null);

    /// <summary>The addresses that are in one of two sets and not in the other.</summary>
    internal ulong[] DifferenceFrom(HookSet other) => [.. Missing(other), .. other.Missing(this)];

    private ulong[] Missing(HookSet? from)
    {
        var missing = new ulong[_count];
        var count = 0;
        foreach (var address in _slots)
        {
            if (address != 0 && from?.Contains(address) != true)
                missing[count++] = address;
        }
        Array.Resize(ref missing, count);
        return missing;
    }

    // Where an address is, or the free slot where it would be.
    private static int Slot(ulong[] slots, ulong address)
    {
        var at = (int)((address * 0x9E37_79B9_7F4A_7C15) >> 32) & (slots.Length - 1);
        while (slots[at] != 0 && slots[at] != address)
            at = (at + 1) & (slots.Length - 1);
        return at;
    }

    private void Rebuild(int size, ulong except)
    {
        var slots = new ulong[size];
        foreach (var address in _slots)
        {
            if (address != 0 && address != except)
                slots[Slot(slots, address)] = address;
        }
        _slots = slots;
    }
}
