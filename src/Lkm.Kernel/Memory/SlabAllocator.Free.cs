using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <content>Freeing: the checks, the queue of freed objects, and slabs that go back to the page allocator.</content>
public sealed partial class SlabAllocator
{
    private void FreeObject(ulong address, ulong expectedCache, CallFrame? frame)
    {
        if (address <= ZeroSizePointer)
            return;
        var caller = frame?.ReturnAddress ?? 0;
        var slab = SlabOf(address);
        var index = slab.Exists ? slab.IndexOf(address) : -1;
        if (index < 0)
        {
            var kind = _pages.IsFree(address) ? MemoryErrorKind.DoubleFree : MemoryErrorKind.InvalidFree;
            _errors.ReportFree(kind, address, caller);
            return;
        }

        var record = slab[index];
        if (record.State != ObjectState.Allocated || slab.ObjectAddress(index) != address)
        {
            var wasFreed = record.State != ObjectState.Allocated && record.FreeTrack != 0 && slab.ObjectAddress(index) == address;
            _errors.ReportFree(wasFreed ? MemoryErrorKind.DoubleFree : MemoryErrorKind.InvalidFree, address, caller);
            return;
        }

        if (expectedCache != 0 && slab.Cache != expectedCache)
        {
            var actual = slab.Cache == 0 ? "kmalloc" : _struct.Name(slab.Cache);
            _errors.Warn("kmem_cache_free", $"cache_from_obj: Wrong slab cache. {_struct.Name(expectedCache)} but object is from {actual}");
        }

        Retire(slab, record, address, frame);
    }

    private void Retire(SlabRecord slab, ObjectRecord record, ulong address, CallFrame? frame)
    {
        record.State = ObjectState.Quarantined;
        record.FreeTrack = _tracks.Capture(frame);
        ulong size = slab.Stride;
        if (slab.Cache == 0)
        {
            _memory.SetAccess(address, size, Shadow.Freed);
            CountPages(isReclaimable: false, -(1L << slab.Order));
        }
        else
        {
            var cache = CacheAt(slab.Cache);
            _struct.AddActive(cache.Address, -1);
            if (!cache.IsTypeSafeByRcu)
                _memory.SetAccess(address, cache.Geometry.ObjectSize, Shadow.Freed);
        }

        record.Next = 0;
        var last = _memory.ReadUInt64(QuarantineLast);
        if (last == 0)
            _memory.WriteUInt64(QuarantineFirst, record.Address);
        else
            new ObjectRecord(_memory, last).Next = record.Address;
        _memory.WriteUInt64(QuarantineLast, record.Address);
        var bytes = _memory.ReadUInt64(QuarantineBytes) + size;
        _memory.WriteUInt64(QuarantineBytes, bytes);
        while (bytes > QuarantineLimit)
        {
            ReleaseOldest();
            bytes = _memory.ReadUInt64(QuarantineBytes);
        }
    }

    private void ReleaseOldest()
    {
        var record = new ObjectRecord(_memory, _memory.ReadUInt64(QuarantineFirst));
        _memory.WriteUInt64(QuarantineFirst, record.Next);
        if (record.Next == 0)
            _memory.WriteUInt64(QuarantineLast, 0);
        Release(record);
    }

    /// <summary>Takes the freed objects of a cache out of the queue: kasan_cache_shrink() and kasan_cache_shutdown().</summary>
    private void ReleaseQuarantineOf(ulong cache)
    {
        ulong previous = 0;
        for (var at = _memory.ReadUInt64(QuarantineFirst); at != 0;)
        {
            var record = new ObjectRecord(_memory, at);
            var next = record.Next;
            if (new SlabRecord(_memory, record.Slab).Cache == cache)
            {
                if (previous == 0)
                    _memory.WriteUInt64(QuarantineFirst, next);
                else
                    new ObjectRecord(_memory, previous).Next = next;
                if (next == 0)
                    _memory.WriteUInt64(QuarantineLast, previous);
                Release(record);
            }
            else
            {
                previous = at;
            }

            at = next;
        }
    }

    private void Release(ObjectRecord record)
    {
        var slab = new SlabRecord(_memory, record.Slab);
        _memory.WriteUInt64(QuarantineBytes, _memory.ReadUInt64(QuarantineBytes) - slab.Stride);
        record.State = ObjectState.Free;
        if (slab.Cache == 0)
        {
            Discard(slab);
            return;
        }

        var index = (int)((record.Address - slab[0].Address) / ObjectRecord.Size);
        if (slab.FirstFree == 0)
            ListHead.AddTail(_memory, slab.Node, _struct.Partial(slab.Cache));
        record.Next = (ulong)slab.FirstFree;
        slab.FirstFree = index + 1;
        if (--slab.InUse > 0)
            return;
        _struct.AddEmpty(slab.Cache, 1);
        // Type-safe slabs stay: whoever still looks at a freed object under rcu_read_lock() must find an object of its type.
        if (_struct.EmptySlabs(slab.Cache) > MostEmptySlabs && !CacheAt(slab.Cache).IsTypeSafeByRcu)
            RemoveSlab(slab);
    }

    private void RemoveSlab(SlabRecord slab)
    {
        ListHead.Remove(_memory, slab.Node);
        _struct.AddEmpty(slab.Cache, -1);
        _struct.AddSlabs(slab.Cache, -1, -slab.Objects);
        CountPages(CacheAt(slab.Cache).IsReclaimable, -(1L << slab.Order));
        Discard(slab);
    }

    private void RemoveEmptySlabs(ulong cache)
    {
        var head = _struct.Partial(cache);
        var nodeOffset = new SlabRecord(_memory, 0).Node;
        for (var node = ListHead.Next(_memory, head); node != head;)
        {
            var next = ListHead.Next(_memory, node);
            var slab = new SlabRecord(_memory, node - nodeOffset);
            if (slab.InUse == 0)
                RemoveSlab(slab);
            node = next;
        }
    }

    private void Discard(SlabRecord slab)
    {
        var (address, order, size) = (slab.Base, slab.Order, SlabRecord.Size + ((ulong)slab.Objects * ObjectRecord.Size));
        SetOwner(address, order, 0);
        _arena.Free(slab.Address, size);
        _pages.Free(address, order, 0);
    }
}
