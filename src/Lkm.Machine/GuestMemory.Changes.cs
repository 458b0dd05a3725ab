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
    /// <returns>Address and size of runs of such pages, in order.</returns>
    public IReadOnlyList<(ulong Start, ulong Size)> ChangedPages(ulong start, ulong size)
    {
        const int entriesAtOnce = 16384;
        const ulong isThere = 3UL << 62, isOfFile = 1UL << 61; // present or swapped out; of a file or shared (proc_pid_pagemap(5))
        var first = (ulong)At(start, size) / PageSize;
        var runs = new List<(ulong Start, ulong Size)>();
        using var pagemap = File.OpenHandle("/proc/self/pagemap");
        var entries = new ulong[entriesAtOnce];
        for (ulong page = 0, pages = size / PageSize; page < pages; page += entriesAtOnce)
        {
            var wanted = entries.AsSpan(0, (int)Math.Min(entriesAtOnce, pages - page));
            var bytes = MemoryMarshal.AsBytes(wanted);
            if (RandomAccess.Read(pagemap, bytes, (long)((first + page) * sizeof(ulong))) != bytes.Length)
                throw new IOException("/proc/self/pagemap: short read");
            for (var i = wanted.IndexOfAnyExcept(0UL); i >= 0 && i < wanted.Length; i++)
            {
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
                runs.Add((address, PageSize));
        }
    }
}
