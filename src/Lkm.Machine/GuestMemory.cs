using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;

namespace Lkm.Machine;

/// <summary>
/// The guest's memory: one window of 16 GiB at the top of the address space. Guest physical address <c>p</c> lies at
/// <see cref="WindowStart"/> + <c>p</c>; one reservation of the host backs it, so an address becomes a host pointer by one
/// comparison and one addition. A shadow byte for every 8 bytes says what may be touched (<see cref="Shadow"/>).
/// </summary>
public sealed unsafe partial class GuestMemory : IDisposable
{
    /// <summary>The first guest address of the window; it ends with the address space.</summary>
    public const ulong WindowStart = 0xFFFF_FFFC_0000_0000;

    /// <summary>Bytes in the window: 16 GiB.</summary>
    public const ulong WindowSize = 16UL << 30;

    /// <summary>Bytes in a page.</summary>
    public const ulong PageSize = 4096;

    /// <summary>Bytes of the shadow reservation; the last page is never described: it absorbs look-ahead.</summary>
    internal const ulong ShadowSize = WindowSize / 8;

    // One reservation: the window, room for records of processors, the shadow. From the anchor, 32 bits reach all three: the shadow byte of
    // granule g is at anchor + g + ShadowFromAnchor, the bytes of guest address a at anchor + a + WindowFromAnchor.
    private const ulong RecordRoom = 64 << 10;
    private const ulong ReservedSize = WindowSize + RecordRoom + ShadowSize + PageSize;
    internal const int ShadowFromAnchor = 0x7FFF_0000;
    internal const int WindowFromAnchor = -(int)(RecordRoom + (ShadowSize - ShadowFromAnchor));
    private const int Records = 4;
    private int _recordsInUse; // a bit each

    private readonly byte* _window;
    private readonly byte* _shadow;
    private bool _disposed;

    private GuestMemory()
    {
        _window = HostMemory.Reserve(ReservedSize);
        _shadow = _window + WindowSize + RecordRoom;
    }

    /// <summary>Makes an empty memory: all zero, all <see cref="Shadow.Unmapped"/>.</summary>
    public static GuestMemory Create() => new();

    /// <summary>What to add to a guest address to get its host address.</summary>
    internal byte* Bias => (byte*)((ulong)_window - WindowStart);

    /// <summary>What to add to the number of a granule to get its shadow byte's host address.</summary>
    internal byte* ShadowBias => _shadow - GranuleOf(WindowStart);

    /// <summary>The host address that translated code knows everything else from.</summary>
    internal byte* Anchor => ShadowBias - ShadowFromAnchor;

    /// <summary>Zeroed memory near the anchor for the record of a processor; null if there is none left.</summary>
    internal byte* TakeRecordRoom(int size)
    {
        for (var n = 0; n < Records && (ulong)size <= RecordRoom / Records; n++)
        {
            if ((_recordsInUse >> n & 1) != 0)
                continue;
            _recordsInUse |= 1 << n;
            var room = _window + WindowSize + (uint)n * (RecordRoom / Records);
            new System.Span<byte>(room, size).Clear();
            return room;
        }
        return null;
    }

    /// <summary>The reverse of <see cref="TakeRecordRoom"/>; false if that did not give the memory.</summary>
    internal bool ReturnRecordRoom(byte* room)
    {
        var offset = room - (_window + WindowSize);
        if (offset is < 0 or >= (long)RecordRoom)
            return false;
        _recordsInUse &= ~(1 << (int)(offset / (long)(RecordRoom / Records)));
        return true;
    }

    /// <summary>Told of every range whose decoded instructions may no longer hold.</summary>
    internal Action<ulong, ulong>? CodeChanged { get; set; }

    /// <summary>Whether <paramref name="size"/> bytes at <paramref name="address"/> lie in the window.</summary>
    public static bool Contains(ulong address, ulong size = 1) =>
        address >= WindowStart && size - 1 <= ulong.MaxValue - address;

    /// <summary>The guest physical address of an address in the window.</summary>
    public static ulong PhysicalAddress(ulong address) => address - WindowStart;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* At(ulong address, ulong size)
    {
        if (address < WindowStart || size > 0 - address)
            ThrowOutside(address, size);
        return _window + (address - WindowStart);
    }

    [DoesNotReturn]
    private static void ThrowOutside(ulong address, ulong size) => throw new GuestAddressException(address, size);

    /// <summary>Reads a value, whatever the shadow says.</summary>
    public T Read<T>(ulong address) where T : unmanaged => Unsafe.ReadUnaligned<T>(At(address, (ulong)sizeof(T)));

    /// <summary>Writes a value, whatever the shadow says. Whoever changes code so calls <see cref="Cpu.InvalidateCode"/>.</summary>
    public void Write<T>(ulong address, T value) where T : unmanaged =>
        Unsafe.WriteUnaligned(At(address, (ulong)sizeof(T)), value);

    /// <summary>Reads one byte, whatever the shadow says.</summary>
    public byte ReadByte(ulong address) => *(byte*)At(address, sizeof(byte));

    /// <summary>Reads 16 bits, whatever the shadow says.</summary>
    public ushort ReadUInt16(ulong address) => *(ushort*)At(address, sizeof(ushort));

    /// <summary>Reads 32 bits, whatever the shadow says.</summary>
    public uint ReadUInt32(ulong address) => *(uint*)At(address, sizeof(uint));

    /// <summary>Reads 64 bits, whatever the shadow says.</summary>
    public ulong ReadUInt64(ulong address) => *(ulong*)At(address, sizeof(ulong));

    /// <summary>Reads signed 16 bits, whatever the shadow says.</summary>
    public short ReadInt16(ulong address) => *(short*)At(address, sizeof(short));

    /// <summary>Reads signed 32 bits, whatever the shadow says.</summary>
    public int ReadInt32(ulong address) => *(int*)At(address, sizeof(int));

    /// <summary>Reads signed 64 bits, whatever the shadow says.</summary>
    public long ReadInt64(ulong address) => *(long*)At(address, sizeof(long));

    /// <summary>Writes one byte, whatever the shadow says.</summary>
    public void WriteByte(ulong address, byte value) => *(byte*)At(address, sizeof(byte)) = value;

    /// <summary>Writes 16 bits, whatever the shadow says.</summary>
    public void WriteUInt16(ulong address, ushort value) => *(ushort*)At(address, sizeof(ushort)) = value;

    /// <summary>Writes 32 bits, whatever the shadow says.</summary>
    public void WriteUInt32(ulong address, uint value) => *(uint*)At(address, sizeof(uint)) = value;

    /// <summary>Writes 64 bits, whatever the shadow says.</summary>
    public void WriteUInt64(ulong address, ulong value) => *(ulong*)At(address, sizeof(ulong)) = value;

    /// <summary>Writes signed 16 bits, whatever the shadow says.</summary>
    public void WriteInt16(ulong address, short value) => *(short*)At(address, sizeof(short)) = value;

    /// <summary>Writes signed 32 bits, whatever the shadow says.</summary>
    public void WriteInt32(ulong address, int value) => *(int*)At(address, sizeof(int)) = value;

    /// <summary>Writes signed 64 bits, whatever the shadow says.</summary>
    public void WriteInt64(ulong address, long value) => *(long*)At(address, sizeof(long)) = value;

    /// <summary>The bytes themselves, whatever the shadow says; valid until the memory is disposed.</summary>
    public Span<byte> Span(ulong address, int length) => new(At(address, (ulong)length), length);

    /// <summary>
    /// Reads a NUL-terminated string of at most <paramref name="maxLength"/> bytes: UTF-8 where it is, otherwise one
    /// character per byte.
    /// </summary>
    public string ReadString(ulong address, int maxLength = 4096)
    {
        At(address, 1);
        var bytes = Span(address, (int)Math.Min((ulong)maxLength, 0 - address));
        var end = bytes.IndexOf((byte)0);
        if (end >= 0)
            bytes = bytes[..end];
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : Encoding.Latin1.GetString(bytes);
    }

    /// <summary>Writes zeroes, whatever the shadow says.</summary>
    public void Clear(ulong address, ulong size) => System.Runtime.InteropServices.NativeMemory.Clear(At(address, size), (nuint)size);

    /// <summary>Sets bytes, whatever the shadow says.</summary>
    public void Fill(ulong address, ulong size, byte value) =>
        HostMemory.Set(At(address, size), size, value);

    /// <summary>Copies bytes, as memmove does, whatever the shadow says.</summary>
    public void Copy(ulong from, ulong to, ulong size) => Buffer.MemoryCopy(At(from, size), At(to, size), size, size);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        HostMemory.Unmap(_window, ReservedSize);
        if (_memoryFile >= 0)
            HostMemory.Close(_memoryFile);
        _snapshot?.Dispose();
    }
}
