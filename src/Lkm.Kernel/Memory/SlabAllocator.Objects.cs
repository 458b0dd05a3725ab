using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;

namespace Lkm.Kernel.Memory;

/// <content>What reports and the leak scan ask.</content>
public sealed partial class SlabAllocator
{
    /// <inheritdoc/>
    ObjectDescription? IObjectFinder.FindObject(ulong address)
    {
        var slab = SlabOf(address);
        if (!slab.Exists)
            return null;
        // An address in the red zone before an object is as likely past the end of the one before.
        var index = slab.IndexOf(address);
        if (index < 0)
            index = slab.Objects - 1;
        else if (index > 0 && address < slab.ObjectAddress(index))
            index = NearestOf(slab, index, address);
        return Describe(slab, index);
    }

    /// <inheritdoc/>
    VmallocDescription? IObjectFinder.FindVmalloc(ulong address) => null;

    /// <summary>All live objects.</summary>
    /// <param name="since">Only objects allocated after this one.</param>
    internal IEnumerable<LiveObject> LiveObjects(ulong since = 0)
    {
        foreach (var slab in Slabs())
        {
            for (var i = 0; i < slab.Objects; i++)
            {
                var record = slab[i];
                if (record.State == ObjectState.Allocated && (since == 0 || record.Sequence > since))
                {
                    yield return new LiveObject(
                        slab.ObjectAddress(i), record.Requested, record.AllocationTrack, record.Jiffies, record.Sequence);
                }
            }
        }
    }

    private IEnumerable<SlabRecord> Slabs()
    {
        for (ulong address = AddressSpace.PageOffset, end = address + _pages.RamSize; address < end;)
        {
            var slab = SlabOf(address);
            if (!slab.Exists)
            {
                address = NextOwned(address + AddressSpace.PageSize, end);
                continue;
            }

            yield return slab;
            address += AddressSpace.PageSize << slab.Order;
        }
    }

    private void RenumberTracks(Func<uint, uint> renumber)
    {
        foreach (var slab in Slabs())
        {
            for (var i = 0; i < slab.Objects; i++)
            {
                var record = slab[i];
                record.AllocationTrack = renumber(record.AllocationTrack);
                record.FreeTrack = renumber(record.FreeTrack);
            }
        }
    }

    /// <summary>The next page that something owns: most of a kernel's memory is free, and is passed over at the speed of memchr.</summary>
    private ulong NextOwned(ulong address, ulong end)
    {
        const ulong mostPages = 1 << 20;
        while (address < end)
        {
            var pages = Math.Min((end - address) >> AddressSpace.PageShift, mostPages);
            var owned = _memory.Span(MetadataLayout.OwnerOf(address), (int)pages * sizeof(ulong)).IndexOfAnyExcept((byte)0);
            if (owned >= 0)
                return address + ((ulong)owned / sizeof(ulong) << AddressSpace.PageShift);
            address += pages << AddressSpace.PageShift;
        }

        return end;
    }

    /// <summary>The live object that an address points into.</summary>
    internal bool TryFindLive(ulong address, out ulong start, out uint size)
    {
        var slab = SlabOf(address);
        var index = slab.Exists ? slab.IndexOf(address) : -1;
        (start, size) = (0, 0);
        if (index < 0 || slab[index] is not { State: ObjectState.Allocated } record)
            return false;
        start = slab.ObjectAddress(index);
        size = record.Requested;
        return address >= start && address - start < size;
    }

    /// <summary>Whether a page belongs to a slab.</summary>
    internal bool IsSlab(ulong address) => SlabOf(address).Exists;

    private static int NearestOf(SlabRecord slab, int index, ulong address)
    {
        var end = slab.ObjectAddress(index - 1) + slab[index - 1].Requested;
        return address - end < slab.ObjectAddress(index) - address ? index - 1 : index;
    }

    private ObjectDescription Describe(SlabRecord slab, int index)
    {
        var record = slab[index];
        var isFreed = record.State != ObjectState.Allocated;
        var size = record.Requested != 0 ? record.Requested : PlaceSize(slab);
        return new ObjectDescription(slab.ObjectAddress(index), size, slab.Cache == 0 ? null : _struct.Name(slab.Cache),
            slab.Cache == 0 ? 0 : _struct.ObjectSize(slab.Cache), isFreed, _tracks[record.AllocationTrack],
            isFreed ? _tracks[record.FreeTrack] : null);
    }
}

/// <summary>A live slab object.</summary>
/// <param name="Address">Its first byte.</param>
/// <param name="Size">Bytes asked for.</param>
/// <param name="Track">The track of its allocation.</param>
/// <param name="Jiffies">jiffies at its allocation.</param>
/// <param name="Sequence">The number of its allocation.</param>
internal sealed record LiveObject(ulong Address, uint Size, uint Track, ulong Jiffies, ulong Sequence);
