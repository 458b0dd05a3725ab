namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    // Page (virtual address) to the physical page it shows. A shared page lives in a memory file, mapped at each place.
    private Dictionary<ulong, ulong>? _aliases; // made when first needed: few kernels alias anything
    private Dictionary<ulong, ulong>? _sharedPages; // physical page to its offset in the memory file
    private int _memoryFile = -1;
    private long _memoryFileSize;

    /// <summary>
    /// Makes physical pages appear, in order, at further addresses of the window, as vmap() asks. Writes through either
    /// address are seen through the other. The shadow at the new address is separate and not touched.
    /// </summary>
    /// <param name="address">Where the first page appears; page aligned.</param>
    /// <param name="physicalPages">Guest physical addresses of pages.</param>
    public void Alias(ulong address, ReadOnlySpan<ulong> physicalPages)
    {
        _aliases ??= [];
        foreach (var physical in physicalPages)
        {
            if (((address | physical) & (PageSize - 1)) != 0)
                throw new ArgumentException($"{address:x16} or {physical:x} is not a page", nameof(address));
            MapShared(At(address, PageSize), Share(physical));
            _aliases[address] = physical;
            address += PageSize;
        }
    }

    /// <summary>Ends what <see cref="Alias"/> made: the addresses have pages of their own again, filled with zero.</summary>
    public void Unalias(ulong address, ulong pages)
    {
        for (; pages > 0; pages--, address += PageSize)
        {
            if (_aliases is not null && _aliases.Remove(address))
                HostMemory.Map(At(address, PageSize), PageSize, HostMemory.MapPrivate | HostMemory.MapAnonymous | HostMemory.MapNoReserve | HostMemory.MapFixed, -1, 0);
        }
    }

    /// <summary>
    /// Puts a page where another program of the host can map it as well, with no copy: into a memory file (memfd_create(2)), whose
    /// descriptor can be passed over a Unix socket. Writes on either side are seen on the other; the page stays there for good.
    /// </summary>
    /// <param name="physical">The page's guest physical address.</param>
    /// <returns>The memory file's descriptor, owned by this memory, and the page's offset in it.</returns>
    public (int Descriptor, long Offset) ShareWithHost(ulong physical)
    {
        if ((physical & (PageSize - 1)) != 0)
            throw new ArgumentException($"{physical:x} is not a page", nameof(physical));
        var offset = Share(physical);
        return (_memoryFile, (long)offset);
    }

    private ulong Share(ulong physical)
    {
        _sharedPages ??= [];
        if (_sharedPages.TryGetValue(physical, out var offset))
            return offset;
        if (_memoryFile < 0)
        {
            _memoryFile = HostMemory.CreateMemoryFile();
            if (_memoryFile < 0)
                throw new IOException("memfd_create failed");
        }
        offset = (ulong)_memoryFileSize;
        _memoryFileSize += (long)PageSize;
        if (HostMemory.Truncate(_memoryFile, _memoryFileSize) < 0)
            throw new IOException("ftruncate of the memory file failed");
        var at = At(WindowStart + physical, PageSize);
        var contents = new ReadOnlySpan<byte>(at, (int)PageSize).ToArray();
        MapShared(at, offset);
        contents.CopyTo(new Span<byte>(at, (int)PageSize));
        _sharedPages[physical] = offset;
        return offset;
    }

    private void MapShared(byte* at, ulong offset) =>
        HostMemory.Map(at, PageSize, HostMemory.MapShared | HostMemory.MapFixed, _memoryFile, (long)offset);

    // Pages once shared stay in the memory file: dropping one would not empty it.
    private bool TouchesShared(ulong address, ulong size)
    {
        if (_aliases is not null)
        {
            foreach (var (page, _) in _aliases)
            {
                if (page - address < size)
                    return true;
            }
        }
        if (_sharedPages is not null)
        {
            foreach (var (physical, _) in _sharedPages)
            {
                if (WindowStart + physical - address < size)
                    return true;
            }
        }
        return false;
    }
}
