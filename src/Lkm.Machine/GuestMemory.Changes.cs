using System.Runtime.InteropServices;

namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// The pages that were written since the snapshot was mapped, or since this memory was made: the host has copied those, and only those, so
    /// what the guest has done since can be looked through without reading what it has not touched.
    /// </summary>
    /// <param name="start">The first address, of a page.</param>
    /// <param name="size">Bytes, whole pages.</param>
    /// <returns>Runs of such pages, in order.</returns>
    public IReadOnlyList<PageRun> ChangedPages(ulong start, ulong size)
    {
        const int entriesAtOnce = 16384;
        const ulong isThere = 3UL << 62, isOfFile = 1UL << 61; // present or swapped out; of a file or shared (proc_pid_pagemap(5))
        var first = (ulong)At(start, size) / PageSize;
        var runs = new List<PageRun>();
        using var pagemap = HostMemory.Open("/proc/self/pagemap");
        var entries = new ulong[entriesAtOnce];
        for (ulong page = 0, pages = size / PageSize; page < pages; page += entriesAtOnce)
        {
            var wanted = entries.AsSpan(0, (int)Math.Min(entriesAtOnce, pages - page));
            var bytes = MemoryMarshal.AsBytes(wanted);
            if (RandomAccess.Read(pagemap, bytes, (long)((first + page) * sizeof(ulong))) != bytes.Length)
                throw new IOException("/proc/self/pagemap: short read");
            for (var i = 0; i < wanted.Length; i++) // plain: the vectors of the library's searches would be compiled anew in each run
            {
                if (wanted[i] == 0)
                    continue;
                var address = start + ((page + (ulong)i) * PageSize);
                if ((wanted[i] & isThere) != 0 && ((wanted[i] & isOfFile) == 0 || TouchesShared(address, PageSize)))
                    Add(address);
            }
        }

        return runs;

        void Add(ulong address)
        {
            if (runs.Count > 0 && runs[^1] is var last && last.Start + last.Size == address)
                runs[^1] = last with { Size = last.Size + PageSize };
            else
                runs.Add(new PageRun(address, PageSize));
        }
    }
}

/// <summary>Pages in a row.</summary>
/// <param name="Start">The address of the first.</param>
/// <param name="Size">Bytes.</param>
public sealed record PageRun(ulong Start, ulong Size);
