namespace Lkm.Machine;

// Watchpoints: the shadow of a watched granule denies every access, so that only the slow path looks; no other access costs anything.
public sealed unsafe partial class GuestMemory
{
    // What the shadow of watched granules would say, by the granules' addresses.
    private Dictionary<ulong, byte>? _watched; // made when first needed: few kernels watch anything

    /// <summary>
    /// Makes the processor stop before each access of the granules that hold these bytes, with an exit whose shadow is
    /// <see cref="Shadow.Watched"/>. They keep being watched when their state changes.
    /// </summary>
    /// <param name="address">The first byte, in the window.</param>
    /// <param name="size">Bytes, at least one.</param>
    public void Watch(ulong address, ulong size)
    {
        At(address, size);
        _watched ??= [];
        for (var at = address & ~(Granule - 1); at - address < size || at <= address; at += Granule)
        {
            if (_watched.TryAdd(at, *ShadowPointer(at)))
                *ShadowPointer(at) = (byte)Shadow.Watched;
        }
    }

    /// <summary>Ends all that <see cref="Watch"/> began.</summary>
    public void EndWatches()
    {
        foreach (var (at, state) in _watched ?? [])
            *ShadowPointer(at) = state;
        _watched = null;
    }

    /// <summary>Whether one of these bytes lies in a watched granule.</summary>
    internal bool IsWatched(ulong address, ulong size)
    {
        if (_watched is null)
            return false;
        foreach (var at in _watched.Keys)
        {
            if (at - (address & ~(Granule - 1)) < size + (address & (Granule - 1)))
                return true;
        }
        return false;
    }

    // The state of a granule, watched or not.
    private byte StateOf(ulong address)
    {
        var state = *ShadowPointer(address);
        return state == (byte)Shadow.Watched && _watched is not null && _watched.TryGetValue(address & ~(Granule - 1), out var own) ? own : state;
    }

    // The states of a range were written: the watched granules of it have theirs noted, and stay watched.
    private void KeepWatching(ulong address, ulong size, byte state)
    {
        foreach (var at in _watched!.Keys.ToArray())
        {
            if (at - address < size)
            {
                _watched[at] = state;
                *ShadowPointer(at) = (byte)Shadow.Watched;
            }
        }
    }
}
