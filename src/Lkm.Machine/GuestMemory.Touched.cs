using System.Runtime.InteropServices;

namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    // What a run of a snapshot writes, the next run of it writes too, page for page: the host copies them in a fraction of the time that
    // a fault for each takes, and on another processor. Pages that are only read come sixteen at a fault anyway.
    private const ulong MostTouched = 1 << 14; // pages; a run that writes more is not one whose start matters

    /// <summary>Pages in a row, counted from the window's first; the shadow's follow.</summary>
    private readonly record struct TouchedRun(int First, int Pages);

    /// <summary>The pages that have been written until now, in a form that <see cref="MakeReady"/> reads; empty if they are too many.</summary>
    public byte[] TouchedPages()
    {
        var runs = new List<TouchedRun>();
        var total = 0UL;
        using var map = new HostPageMap(_window, ReservedSize);
        while (map.Next(out var at, out var size, out var isOfFile))
        {
            if (isOfFile)
                continue;
            if ((total += size / PageSize) > MostTouched)
                return [];
            runs.Add(new TouchedRun((int)((ulong)(at - _window) / PageSize), (int)(size / PageSize)));
        }

        return MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(runs)).ToArray();
    }

    /// <summary>Makes the host get pages ready that are going to be written. Only a hint: pages that are named for nothing cost some memory.</summary>
    /// <param name="touched">What <see cref="TouchedPages"/> said of an earlier run of the same snapshot.</param>
    public void MakeReady(ReadOnlySpan<byte> touched)
    {
        var total = 0UL;
        foreach (var run in MemoryMarshal.Cast<byte, TouchedRun>(touched))
        {
            if (run.First < 0 || run.Pages <= 0 || (ulong)run.First + (ulong)run.Pages > ReservedSize / PageSize || (total += (ulong)run.Pages) > MostTouched)
                return; // damaged
            HostMemory.Populate(_window + ((ulong)run.First * PageSize), (ulong)run.Pages * PageSize);
        }
    }
}
