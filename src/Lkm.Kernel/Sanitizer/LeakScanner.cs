using System.Runtime.InteropServices;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Memory;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Finds allocations that a module has left behind: live, and reached from nowhere. As kmemleak does, every aligned word is taken for a
/// pointer if it points into an object; other than there, pages and vmalloc areas that are no suspects count as roots, so that
/// what hangs on them is never called a leak.
/// </summary>
public sealed class LeakScanner
{
    private const int MostBytesShown = 32;

    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly PerCpuArea _perCpu;
    private readonly ulong _perCpuSize;
    private readonly PageAllocator _pages;
    private readonly SlabAllocator _slab;
    private readonly VmallocAllocator _vmalloc;
    private readonly AllocationTracks _tracks;

    /// <summary>Creates the scanner of a kernel's memory.</summary>
    public LeakScanner(
        GuestMemory memory, KernelImage image, PerCpuArea perCpu, ulong perCpuSize, PageAllocator pages, SlabAllocator slab,
        VmallocAllocator vmalloc, AllocationTracks tracks)
    {
        _memory = memory;
        _image = image;
        _perCpu = perCpu;
        _perCpuSize = perCpuSize;
        _pages = pages;
        _slab = slab;
        _vmalloc = vmalloc;
        _tracks = tracks;
    }

    /// <summary>The number of the last allocation: objects allocated later have higher ones.</summary>
    public ulong Mark() => _slab.Sequence;

    /// <summary>
    /// Finds what code in a range of addresses allocated and nothing points to. To be asked when the guest is at rest: registers of a
    /// running task are not looked at, its stack is.
    /// </summary>
    /// <param name="since">Only objects allocated after this mark.</param>
    /// <param name="code">Where the modules' code lies or lay: start and end of each part. One scan serves all.</param>
    public IReadOnlyList<LeakedObject> FindLeaks(ulong since, IReadOnlyList<CodeRange> code)
    {
        var suspects = _tracks.AnyPassesThrough(code) ? Suspects(since, code) : [];
        var areas = new Dictionary<ulong, VmallocRange>();
        foreach (var area in _vmalloc.Areas())
        {
            foreach (var part in code)
            {
                if (part.Contains(area.Caller))
                    areas[area.Start] = area;
            }
        }

        if (suspects.Count == 0 && areas.Count == 0)
            return [];
        var reached = Reach(areas);
        var leaks = new List<LeakedObject>();
        foreach (var o in suspects)
        {
            if (!reached.Contains(o.Address))
                leaks.Add(new LeakedObject(o.Address, o.Size, o.Jiffies, _tracks[o.Track]!, FirstBytes(o.Address, o.Size)));
        }

        foreach (var (start, pages, caller) in areas.Values)
        {
            var size = pages << AddressSpace.PageShift;
            if (!reached.Contains(start))
                leaks.Add(new LeakedObject(start, size, 0, new AllocationTrack(0, "", [caller]), FirstBytes(start, size)));
        }

        return leaks;
    }

    private List<LiveObject> Suspects(ulong since, IReadOnlyList<CodeRange> code)
    {
        var suspects = new List<LiveObject>();
        foreach (var o in _slab.LiveObjects(since))
        {
            foreach (var part in code)
            {
                if (!_tracks.PassesThrough(o.Track, part.Start, part.End))
                    continue;
                suspects.Add(o);
                break;
            }
        }

        return suspects;
    }

    private HashSet<ulong> Reach(Dictionary<ulong, VmallocRange> suspectAreas)
    {
        var reached = new HashSet<ulong>();
        var pending = new Queue<(ulong Start, ulong Size)>();
        var search = new Search(_slab, suspectAreas, reached, pending);
        foreach (var (start, size) in Roots(suspectAreas))
            search.Scan(_memory, start, size);
        while (pending.TryDequeue(out var found))
            search.Scan(_memory, found.Start, found.Size);
        return reached;
    }

    private IEnumerable<(ulong Start, ulong Size)> Roots(Dictionary<ulong, VmallocRange> suspectAreas)
    {
        var data = _image.Symbol("_sdata");
        yield return (data, _image.Symbol("_end") - data);
        yield return (_perCpu.Start, _perCpuSize);
        foreach (var (start, pages, _) in _vmalloc.Areas())
        {
            if (!suspectAreas.ContainsKey(start))
                yield return (start, pages << AddressSpace.PageShift);
        }

        for (ulong address = AddressSpace.PageOffset, end = address + _pages.RamSize; address < end; address += AddressSpace.PageSize)
        {
            if (_pages.IsAllocated(address) && !_slab.IsSlab(address))
                yield return (address, AddressSpace.PageSize);
        }
    }

    private byte[] FirstBytes(ulong address, ulong size) => _memory.Span(address, (int)Math.Min(size, MostBytesShown)).ToArray();

    /// <summary>The objects met so far, and those whose contents are still to be looked at.</summary>
    private sealed class Search(
        SlabAllocator slab, Dictionary<ulong, VmallocRange> areas, HashSet<ulong> reached,
        Queue<(ulong Start, ulong Size)> pending)
    {
        public void Scan(GuestMemory memory, ulong start, ulong size)
        {
            var aligned = (start + 7) & ~7UL;
            if (start + size < aligned + 8)
                return;
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(memory.Span(aligned, (int)((start + size - aligned) & ~7UL))))
            {
                if (word >= AddressSpace.PageOffset)
                    Follow(word);
            }
        }

        private void Follow(ulong word)
        {
            if (slab.TryFindLive(word, out var start, out var size))
            {
                if (reached.Add(start))
                    pending.Enqueue((start, size));
                return;
            }

            if (areas.Count == 0 || word < AddressSpace.VmallocStart || word >= AddressSpace.VmallocEnd)
                return;
            foreach (var area in areas.Values)
            {
                var bytes = area.Pages << AddressSpace.PageShift;
                if (word - area.Start < bytes && reached.Add(area.Start))
                    pending.Enqueue((area.Start, bytes));
            }
        }
    }
}
