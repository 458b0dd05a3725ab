namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// The pages that were written since the snapshot was mapped, or since this memory was made: the host has copied those, and only those, so
    /// what the guest has done since can be looked through without reading what it has not touched. Pages that were made ready
    /// (<see cref="MakeReady"/>) are among them.
    /// </summary>
    /// <param name="start">The first address, of a page.</param>
    /// <param name="size">Bytes, whole pages.</param>
    /// <returns>Runs of such pages, in order.</returns>
    public IReadOnlyList<PageRun> ChangedPages(ulong start, ulong size)
    {
        var runs = new List<PageRun>();
        var first = At(start, size);
        using var map = new HostPageMap(first, size);
        while (map.Next(out var at, out var length, out var isOfFile))
        {
            var address = start + (ulong)(at - first);
            if (!isOfFile)
            {
                Add(runs, address, length);
                continue;
            }
            for (ulong page = 0; page < length; page += PageSize)
            {
                if (TouchesShared(address + page, PageSize))
                    Add(runs, address + page, PageSize);
            }
        }

        return runs;
    }

    private static void Add(List<PageRun> runs, ulong address, ulong size)
    {
        if (runs.Count > 0 && runs[^1] is var last && last.Start + last.Size == address)
            runs[^1] = last with { Size = last.Size + size };
        else
            runs.Add(new PageRun(address, size));
    }
}

/// <summary>Pages in a row.</summary>
/// <param name="Start">The address of the first.</param>
/// <param name="Size">Bytes.</param>
public sealed record PageRun(ulong Start, ulong Size);
