using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>What has become of an object's place.</summary>
internal enum ObjectState : byte
{
    /// <summary>On its slab's free list.</summary>
    Free,

    /// <summary>Given out.</summary>
    Allocated,

    /// <summary>Freed, and kept back so that uses of it are found.</summary>
    Quarantined,
}

/// <summary>
/// The record of a slab, or of a large kmalloc block, which is a slab of one object. It lies in the core's metadata, where no wild
/// write reaches it; every page of the slab leads to it (<see cref="MetadataLayout.Owners"/>). The objects' records follow it.
/// </summary>
internal readonly struct SlabRecord(GuestMemory memory, ulong address)
{
    /// <summary>Bytes of the record without its objects'.</summary>
    public const ulong Size = 64;

    /// <summary>The record's address; 0 for none.</summary>
    public ulong Address => address;

    /// <summary>Whether there is a record.</summary>
    public bool Exists => address != 0;

    /// <summary>The list node by which slabs with free places hang on their cache.</summary>
    public ulong Node => address + 32;

    /// <summary>The struct kmem_cache, or 0 for a large block.</summary>
    public ulong Cache
    {
        get => memory.ReadUInt64(address);
        set => memory.WriteUInt64(address, value);
    }

    /// <summary>The first byte of the slab's pages.</summary>
    public ulong Base
    {
        get => memory.ReadUInt64(address + 8);
        set => memory.WriteUInt64(address + 8, value);
    }

    /// <summary>The number of places.</summary>
    public int Objects
    {
        get => memory.ReadInt32(address + 16);
        set => memory.WriteInt32(address + 16, value);
    }

    /// <summary>Places that are not on the free list.</summary>
    public int InUse
    {
        get => memory.ReadInt32(address + 20);
        set => memory.WriteInt32(address + 20, value);
    }

    /// <summary>The first free place, counted from 1; 0 for none.</summary>
    public int FirstFree
    {
        get => memory.ReadInt32(address + 24);
        set => memory.WriteInt32(address + 24, value);
    }

    /// <summary>The order of the slab's pages.</summary>
    public int Order
    {
        get => memory.ReadInt32(address + 28);
        set => memory.WriteInt32(address + 28, value);
    }

    /// <summary>Bytes from one place to the next.</summary>
    public uint Stride
    {
        get => memory.ReadUInt32(address + 48);
        set => memory.WriteUInt32(address + 48, value);
    }

    /// <summary>Bytes of red zone before each object.</summary>
    public uint Lead
    {
        get => memory.ReadUInt32(address + 52);
        set => memory.WriteUInt32(address + 52, value);
    }

    /// <summary>The record of a place, counted from 0.</summary>
    public ObjectRecord this[int index] => new(memory, address + Size + ((ulong)index * ObjectRecord.Size));

    /// <summary>The address of an object, by its place.</summary>
    public ulong ObjectAddress(int index) => Base + ((ulong)index * Stride) + Lead;

    /// <summary>The place that an address lies in, or -1 where it lies behind the last.</summary>
    public int IndexOf(ulong objectAddress)
    {
        var index = (objectAddress - Base) / Stride;
        return index < (ulong)Objects ? (int)index : -1;
    }
}

/// <summary>The record of one place for an object.</summary>
internal readonly struct ObjectRecord(GuestMemory memory, ulong address)
{
    /// <summary>Bytes of the record.</summary>
    public const ulong Size = 48;

    /// <summary>The record's address.</summary>
    public ulong Address => address;

    /// <summary>Bytes that were asked for.</summary>
    public uint Requested
    {
        get => memory.ReadUInt32(address);
        set => memory.WriteUInt32(address, value);
    }

    /// <summary>What has become of the place.</summary>
    public ObjectState State
    {
        get => (ObjectState)memory.ReadByte(address + 4);
        set => memory.WriteByte(address + 4, (byte)value);
    }

    /// <summary>Whether the cache's constructor has run on the place.</summary>
    public bool IsConstructed
    {
        get => memory.ReadByte(address + 5) != 0;
        set => memory.WriteByte(address + 5, value ? (byte)1 : (byte)0);
    }

    /// <summary>The track of the allocation.</summary>
    public uint AllocationTrack
    {
        get => memory.ReadUInt32(address + 8);
        set => memory.WriteUInt32(address + 8, value);
    }

    /// <summary>The track of the free.</summary>
    public uint FreeTrack
    {
        get => memory.ReadUInt32(address + 12);
        set => memory.WriteUInt32(address + 12, value);
    }

    /// <summary>jiffies at the allocation.</summary>
    public ulong Jiffies
    {
        get => memory.ReadUInt64(address + 16);
        set => memory.WriteUInt64(address + 16, value);
    }

    /// <summary>The number of the allocation, counted over all.</summary>
    public ulong Sequence
    {
        get => memory.ReadUInt64(address + 24);
        set => memory.WriteUInt64(address + 24, value);
    }

    /// <summary>The next free place of the slab counted from 1, or the next record in the quarantine.</summary>
    public ulong Next
    {
        get => memory.ReadUInt64(address + 32);
        set => memory.WriteUInt64(address + 32, value);
    }

    /// <summary>The record of the slab that the place is in.</summary>
    public ulong Slab
    {
        get => memory.ReadUInt64(address + 40);
        set => memory.WriteUInt64(address + 40, value);
    }
}
