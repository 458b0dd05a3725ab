using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    private const ulong Granule = 8;

    /// <summary>The number of the window's first granule: one that fits 32 bits, so that code compares with it directly.</summary>
    internal const long FirstGranule = unchecked((long)WindowStart) >> 3;

    /// <summary>The number of the granule that holds an address: negative in the window, as addresses there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long GranuleOf(ulong address) => (long)address >> 3;

    /// <summary>Whether a granule lies in the window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool InWindow(long granule) => (ulong)granule >= unchecked((ulong)FirstGranule);

    /// <summary>
    /// Gives whole granules one state. Decoded instructions in the range are discarded.
    /// </summary>
    /// <param name="address">A multiple of 8.</param>
    /// <param name="size">Bytes, rounded up to a multiple of 8.</param>
    /// <param name="state">The new state of all of them.</param>
    public void SetAccess(ulong address, ulong size, Shadow state)
    {
        if (size == 0)
            return;
        At(address, size);
        if ((address & (Granule - 1)) != 0)
            throw new ArgumentException($"{address:x16} is not the start of a granule", nameof(address));
        ForgetCode(address, size);
        HostMemory.Set(ShadowPointer(address), (size + Granule - 1) / Granule, (byte)state);
        if (_watched is not null)
            KeepWatching(address, size, (byte)state);
    }

    /// <summary>Lets exactly <paramref name="size"/> bytes be read and written; what remains of the last granule is denied.</summary>
    /// <param name="address">A multiple of 8.</param>
    /// <param name="size">Bytes of the object.</param>
    public void Allow(ulong address, ulong size)
    {
        SetAccess(address, size & ~(Granule - 1), Shadow.Accessible);
        if ((size & (Granule - 1)) != 0)
            SetAccess(address + (size & ~(Granule - 1)), 1, (Shadow)(size & (Granule - 1)));
    }

    /// <summary>The state of the granule that holds <paramref name="address"/>.</summary>
    public Shadow ShadowAt(ulong address)
    {
        At(address, 1);
        return (Shadow)StateOf(address);
    }

    /// <summary>Whether all bytes may be read (or written); if not, the first one that may not.</summary>
    public bool IsAccessible(ulong address, ulong size, bool write, out ulong firstBad)
    {
        firstBad = address;
        if (size == 0)
            return true;
        if (address < WindowStart)
            return false;
        var last = address + size - 1;
        for (var at = address; ; at = (at | (Granule - 1)) + 1)
        {
            var state = StateOf(at);
            var end = Math.Min(last, at | (Granule - 1)) & (Granule - 1);
            if (!Permits(state, (int)end, write))
            {
                firstBad = state is > 0 and < 8 ? Math.Max(at, (at & ~(Granule - 1)) + state) : at;
                return false;
            }
            if ((at | (Granule - 1)) >= last && last >= at)
                return true;
            if ((at | (Granule - 1)) == ulong.MaxValue) // the range runs over the end of the address space
            {
                firstBad = 0;
                return false;
            }
        }
    }

    /// <summary>Whether a granule in this state lets its bytes up to <paramref name="last"/> (0 to 7) be touched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Permits(byte state, int last, bool write) => state switch
    {
        >= (byte)Shadow.Poison => false,
        (byte)Shadow.Accessible or (byte)Shadow.Code => true,
        (byte)Shadow.ReadOnly or (byte)Shadow.ReadOnlyCode => !write,
        < 8 => last < state,
        _ => false,
    };

    /// <summary>Marks the granules from the first to the last byte as holding decoded code.</summary>
    internal void MarkCode(ulong first, ulong last)
    {
        byte* end = ShadowPointer(last);
        for (byte* at = ShadowPointer(first); at <= end; at++)
        {
            if (*at is (byte)Shadow.Accessible or (byte)Shadow.ReadOnly)
                *at += (byte)Shadow.Code - (byte)Shadow.Accessible;
        }
    }

    /// <summary>The reverse of <see cref="MarkCode"/>.</summary>
    internal void UnmarkCode(ulong first, ulong last)
    {
        byte* end = ShadowPointer(last);
        for (byte* at = ShadowPointer(first); at <= end; at++)
        {
            if (*at is (byte)Shadow.Code or (byte)Shadow.ReadOnlyCode)
                *at -= (byte)Shadow.Code - (byte)Shadow.Accessible;
        }
    }

    private void ForgetCode(ulong address, ulong size)
    {
        if (CodeChanged is not { } changed)
            return;
        var end = ShadowPointer(address + (size - 1));
        for (var at = ShadowPointer(address); at <= end; at++)
        {
            // Part of a granule cannot say that it holds code.
            if (*at is (byte)Shadow.Code or (byte)Shadow.ReadOnlyCode or (> 0 and < 8))
            {
                changed(address, size);
                return;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* ShadowPointer(ulong address) => ShadowBias + GranuleOf(address);
}
