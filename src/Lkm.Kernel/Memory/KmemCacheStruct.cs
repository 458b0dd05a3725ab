using Lkm.Kernel.Boot;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// struct kmem_cache at this kernel's offsets, followed by what the core keeps of a cache: the list of slabs with free places, and counts.
/// </summary>
internal sealed class KmemCacheStruct
{
    private readonly GuestMemory _memory;
    private readonly StructLayout _layout;
    private readonly ulong _name, _flags, _size, _objectSize, _align, _constructor, _references, _list, _orderObjects;
    private readonly ulong? _userOffset, _userSize, _nodes, _nodeSlabs, _nodeObjects, _nodePartial, _nodeFull;
    private readonly ulong _tail, _nodeAt;

    /// <summary>Looks the members up.</summary>
    public KmemCacheStruct(GuestMemory memory, KernelImage image)
    {
        _memory = memory;
        _layout = image.Struct("kmem_cache");
        _name = _layout["name"];
        _flags = _layout["flags"];
        _size = _layout["size"];
        _objectSize = _layout["object_size"];
        _align = _layout["align"];
        _constructor = _layout["ctor"];
        _references = _layout["refcount"];
        _list = _layout["list"];
        _orderObjects = _layout["oo"];
        _userOffset = _layout.Find("useroffset");
        _userSize = _layout.Find("usersize");
        _tail = (_layout.Size + 63) & ~63UL;
        _nodeAt = _tail + 64;
        TotalSize = _nodeAt;
        NodeSize = image.FindStruct("kmem_cache_node")?.Size ?? sizeof(ulong);
        _nodes = _layout.Find("node");
        if (_nodes is not null && image.FindStruct("kmem_cache_node") is { } node)
        {
            _nodeSlabs = node.Find("nr_slabs");
            _nodeObjects = node.Find("total_objects");
            _nodePartial = node.Find("partial");
            _nodeFull = node.Find("full");
            TotalSize += node.Size;
        }
    }

    /// <summary>Bytes that guest code may read and write: struct kmem_cache, and the one struct kmem_cache_node behind it.</summary>
    public ulong TotalSize { get; }

    /// <summary>Bytes of struct kmem_cache_node.</summary>
    public ulong NodeSize { get; }

    /// <summary>Bytes of struct kmem_cache for the one node that there is: what Linux allocates.</summary>
    public uint SizeOnLinux => (uint)(_nodes is { } nodes ? nodes + sizeof(ulong) : _layout.Size);

    /// <summary>The address of the list node by which caches hang on slab_caches.</summary>
    public ulong ListNode(ulong cache) => cache + _list;

    /// <summary>The cache that a list node belongs to.</summary>
    public ulong FromListNode(ulong node) => node - _list;

    /// <summary>The head of the list of slabs with free places.</summary>
    public ulong Partial(ulong cache) => cache + _tail;

    /// <summary>Objects given out.</summary>
    public ulong Active(ulong cache) => _memory.ReadUInt64(cache + _tail + 16);

    /// <summary>Places for objects.</summary>
    public ulong Places(ulong cache) => _memory.ReadUInt64(cache + _tail + 24);

    /// <summary>Slabs.</summary>
    public ulong Slabs(ulong cache) => _memory.ReadUInt64(cache + _tail + 32);

    /// <summary>Slabs with no object.</summary>
    public ulong EmptySlabs(ulong cache) => _memory.ReadUInt64(cache + _tail + 40);

    /// <summary>Counts objects given out.</summary>
    public void AddActive(ulong cache, long change) => Add(cache + _tail + 16, change);

    /// <summary>Counts slabs with no object.</summary>
    public void AddEmpty(ulong cache, long change) => Add(cache + _tail + 40, change);

    /// <summary>Counts a slab that came or went, also in the node that sysfs shows.</summary>
    public void AddSlabs(ulong cache, long slabs, long places)
    {
        Add(cache + _tail + 24, places);
        Add(cache + _tail + 32, slabs);
        if (_nodeSlabs is { } count && _nodeObjects is { } objects)
        {
            Add(cache + _nodeAt + count, slabs);
            Add(cache + _nodeAt + objects, places);
        }
    }

    /// <summary>The name.</summary>
    public string Name(ulong cache) => _memory.ReadString(NameAddress(cache), 128);

    /// <summary>The address of the name.</summary>
    public ulong NameAddress(ulong cache) => _memory.ReadUInt64(cache + _name);

    /// <summary>The flags.</summary>
    public uint Flags(ulong cache) => _memory.ReadUInt32(cache + _flags);

    /// <summary>Bytes of an object.</summary>
    public uint ObjectSize(ulong cache) => _memory.ReadUInt32(cache + _objectSize);

    /// <summary>Whether other caches may be merged with it (slab_unmergeable()).</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="never">The flags that forbid it.</param>
    public bool IsMergeable(ulong cache, uint never) =>
        (Flags(cache) & never) == 0 && _memory.ReadInt32(cache + _references) >= 0 && Constructor(cache) == 0 && !(_userSize is { } size && _memory.ReadUInt32(cache + size) != 0);

    /// <summary>Makes a cache of those that boot needs one that no other is merged with.</summary>
    public void SetUnmergeable(ulong cache) => _memory.WriteInt32(cache + _references, -1);

    /// <summary>Bytes from one object to the next, as Linux lays them out.</summary>
    public uint Stride(ulong cache) => _memory.ReadUInt32(cache + _size);

    /// <summary>The alignment of objects.</summary>
    public uint Align(ulong cache) => _memory.ReadUInt32(cache + _align);

    /// <summary>The constructor, or 0.</summary>
    public ulong Constructor(ulong cache) => _memory.ReadUInt64(cache + _constructor);

    /// <summary>The order of a slab, as Linux makes it.</summary>
    public int Order(ulong cache) => _memory.ReadInt32(cache + _orderObjects) >> 16;

    /// <summary>The order of the smallest slab that Linux makes when memory is short.</summary>
    public int LeastOrder(ulong cache) => _layout.Find("min") is { } min ? _memory.ReadInt32(cache + min) >> 16 : Order(cache);

    /// <summary>The places in a slab, as Linux makes it.</summary>
    public int ObjectsPerSlab(ulong cache) => _memory.ReadUInt16(cache + _orderObjects);

    /// <summary>The part of an object that may be copied to and from user space.</summary>
    public (uint Offset, uint Size) UserRegion(ulong cache) =>
        _userOffset is { } offset && _userSize is { } size
            ? (_memory.ReadUInt32(cache + offset), _memory.ReadUInt32(cache + size))
            : (0, ObjectSize(cache));

    /// <summary>How many users share the cache; changed by <paramref name="change"/>.</summary>
    public int AddReferences(ulong cache, int change)
    {
        var count = _memory.ReadInt32(cache + _references) + change;
        _memory.WriteInt32(cache + _references, count);
        return count;
    }

    /// <summary>Whether the kobject in the cache was set up, so that it hangs in sysfs.</summary>
    public bool IsInSysfs(ulong cache) =>
        _layout.Find("kobj.name") is { } kobjectName && _memory.ReadUInt64(cache + kobjectName) != 0;

    /// <summary>Fills in a new, zeroed struct.</summary>
    public void Write(ulong cache, ulong name, CacheGeometry geometry, SlubGeometry shown, uint flags, ulong constructor, uint userOffset, uint userSize)
    {
        _memory.WriteUInt64(cache + _name, name);
        _memory.WriteUInt32(cache + _flags, flags);
        _memory.WriteUInt32(cache + _size, shown.Size);
        _memory.WriteUInt32(cache + _objectSize, geometry.ObjectSize);
        _memory.WriteUInt32(cache + _align, geometry.Align);
        _memory.WriteUInt64(cache + _constructor, constructor);
        _memory.WriteInt32(cache + _references, 1);
        _memory.WriteUInt32(cache + _orderObjects, ((uint)shown.Order << 16) | (uint)shown.Objects);
        WriteIfPresent("min", ((uint)shown.LeastOrder << 16) | ((uint)(Boot.AddressSpace.PageSize << shown.LeastOrder) / shown.Size));
        WriteIfPresent("inuse", geometry.ObjectSize);
        WriteIfPresent("red_left_pad", geometry.Lead);
        WriteIfPresent("useroffset", userOffset);
        WriteIfPresent("usersize", userSize);
        WriteReciprocal(cache, shown.Size);
        ListHead.Initialize(_memory, Partial(cache));
        ListHead.Initialize(_memory, ListNode(cache));
        if (_nodes is { } nodes && _nodeSlabs is not null)
        {
            _memory.WriteUInt64(cache + nodes, cache + _nodeAt);
            if (_nodePartial is { } partial)
                ListHead.Initialize(_memory, cache + _nodeAt + partial);
            if (_nodeFull is { } full)
                ListHead.Initialize(_memory, cache + _nodeAt + full);
        }

        void WriteIfPresent(string member, uint value)
        {
            if (_layout.Find(member) is { } offset)
                _memory.WriteUInt32(cache + offset, value);
        }
    }

    // reciprocal_value() (lib/math/reciprocal_div.c)
    private void WriteReciprocal(ulong cache, uint divisor)
    {
        if (_layout.Find("reciprocal_size") is not { } at)
            return;
        var bits = divisor <= 1 ? 0 : 32 - System.Numerics.BitOperations.LeadingZeroCount(divisor - 1);
        var multiplier = (((1UL << 32) * ((1UL << bits) - divisor)) / divisor) + 1;
        _memory.WriteUInt32(cache + at, (uint)multiplier);
        _memory.WriteByte(cache + at + 4, (byte)Math.Min(bits, 1));
        _memory.WriteByte(cache + at + 5, (byte)Math.Max(bits - 1, 0));
    }

    private void Add(ulong at, long change) => _memory.WriteInt64(at, _memory.ReadInt64(at) + change);
}
