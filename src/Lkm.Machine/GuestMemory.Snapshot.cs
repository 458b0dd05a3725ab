using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Lkm.Machine;

public sealed unsafe partial class GuestMemory
{
    // A snapshot is one sparse file: a header page, the window, the shadow. Restoring maps it privately over the
    // reservations, so it costs two system calls however much it holds; pages are copied when they are first written.
    private const ulong SnapshotMagic = 0x31504E534D4B4C00; // "\0LKMSNP1"
    private const uint SnapshotVersion = 1;
    private const int SeekData = 3;
    private const long WindowOffset = (long)PageSize;
    private const long ShadowOffset = WindowOffset + (long)WindowSize;

    private SafeFileHandle? _snapshot;

    /// <summary>
    /// Gives the host its pages back; the contents read zero afterwards, the shadow stays.
    /// </summary>
    /// <param name="address">A multiple of the page size.</param>
    /// <param name="size">Bytes, a multiple of the page size.</param>
    public void Discard(ulong address, ulong size)
    {
        var at = At(address, size);
        if (((address | size) & (PageSize - 1)) != 0)
            throw new ArgumentException($"{address:x16}+{size:x} are not whole pages", nameof(address));
        const ulong WorthAMapping = 2 << 20;
        var comesBackEmpty = _snapshot is null || !HoldsData(_snapshot, WindowOffset + (long)(address - WindowStart), (long)size);
        if (comesBackEmpty && (_sharedPages is null || !TouchesShared(address, size)))
            HostMemory.Advise((nint)at, (nuint)size, HostMemory.AdviceDontNeed);
        else if (size >= WorthAMapping && !TouchesShared(address, size))
            HostMemory.Map(at, size, HostMemory.MapPrivate | HostMemory.MapAnonymous | HostMemory.MapNoReserve | HostMemory.MapFixed, -1, 0);
        else
            Clear(address, size); // dropping a private page would bring back the snapshot's, not zeroes
    }

    /// <summary>Writes contents, shadow and aliases to a file that <see cref="Restore"/> maps; the name appears when it is whole.</summary>
    public void Save(string path)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite))
            {
                RandomAccess.SetLength(file, ShadowOffset + (long)ShadowSize);
                WriteTouched(file, _window, WindowSize, WindowOffset);
                WriteTouched(file, _shadow, ShadowSize, ShadowOffset);
                WriteHeader(file);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Maps a snapshot: the memory is as it was, changes stay private to this object, which holds a shared lock of the file.</summary>
    /// <exception cref="InvalidDataException">The file is not a snapshot of this version.</exception>
    public static GuestMemory Restore(string path)
    {
        var file = HostMemory.Open(path);
        try
        {
            HostMemory.LockShared(file);
            var aliases = ReadHeader(file, path);
            var memory = new GuestMemory { _snapshot = file };
            const int Flags = HostMemory.MapPrivate | HostMemory.MapFixed | HostMemory.MapNoReserve;
            var descriptor = (int)file.DangerousGetHandle();
            HostMemory.Map(memory._window, WindowSize, Flags, descriptor, WindowOffset);
            HostMemory.Map(memory._shadow, ShadowSize, Flags, descriptor, ShadowOffset);
            foreach (var (page, physical) in aliases)
                memory.Alias(page, [physical]);
            return memory;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void WriteHeader(SafeFileHandle file)
    {
        var header = new byte[PageSize];
        BinaryPrimitives.WriteUInt64LittleEndian(header, SnapshotMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), SnapshotVersion);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), _aliases?.Count ?? 0);
        RandomAccess.Write(file, header, 0);
        if (_aliases is null)
            return;
        var table = new byte[_aliases.Count * 16];
        var at = 0;
        foreach (var (page, physical) in _aliases)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(at), page);
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(at + 8), physical);
            at += 16;
        }
        RandomAccess.Write(file, table, ShadowOffset + (long)ShadowSize);
    }

    private static PageAlias[] ReadHeader(SafeFileHandle file, string path)
    {
        Span<byte> header = stackalloc byte[16];
        var length = RandomAccess.GetLength(file);
        if (RandomAccess.Read(file, header, 0) != 16 || BinaryPrimitives.ReadUInt64LittleEndian(header) != SnapshotMagic)
            throw new InvalidDataException($"{path}: not a snapshot of guest memory");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version != SnapshotVersion)
            throw new InvalidDataException($"{path}: snapshot version {version}, this program reads {SnapshotVersion}");
        var count = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        if (count < 0 || length != ShadowOffset + (long)ShadowSize + 16L * count)
            throw new InvalidDataException($"{path}: {length} bytes long, which no whole snapshot is");
        var aliases = new PageAlias[count];
        Span<byte> entry = stackalloc byte[16];
        for (var i = 0; i < count; i++)
        {
            RandomAccess.Read(file, entry, ShadowOffset + (long)ShadowSize + 16L * i);
            var (page, physical) = (BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]));
            if (!Contains(page, PageSize) || physical > WindowSize - PageSize || ((page | physical) & (PageSize - 1)) != 0)
                throw new InvalidDataException($"{path}: alias {i} of page {page:x16} to physical {physical:x} is not one");
            aliases[i] = new PageAlias(page, physical);
        }
        return aliases;
    }

    // Only pages that the host backs, or that the snapshot below us holds, can differ from zero.
    private void WriteTouched(SafeFileHandle file, byte* start, ulong size, long offset)
    {
        const ulong Chunk = 512 * PageSize;
        using var pagemap = HostMemory.Open("/proc/self/pagemap");
        var entries = new byte[Chunk / PageSize * 8];
        for (ulong at = 0; at < size; at += Chunk)
        {
            if (RandomAccess.Read(pagemap, entries, (long)((ulong)(start + at) / PageSize * 8)) != entries.Length)
                throw new IOException("/proc/self/pagemap: short read");
            var below = _snapshot is not null && HoldsData(_snapshot, offset + (long)at, (long)Chunk);
            if (!below && !entries.AsSpan().ContainsAnyExcept((byte)0))
                continue;
            WriteChunk(file, start + at, offset + (long)at, entries, below);
        }
    }

    private static void WriteChunk(SafeFileHandle file, byte* from, long offset, byte[] entries, bool all)
    {
        var pages = entries.Length / 8;
        var run = 0; // pages gathered before page i
        for (var i = 0; i <= pages; i++)
        {
            var wanted = i < pages && (all || (entries[i * 8 + 7] & 0xC0) != 0) // bit 63 present, bit 62 swapped
                && new ReadOnlySpan<byte>(from + (ulong)i * PageSize, (int)PageSize).ContainsAnyExcept((byte)0);
            if (wanted)
            {
                run++;
                continue;
            }
            if (run > 0)
            {
                var first = (ulong)(i - run) * PageSize;
                RandomAccess.Write(file, new ReadOnlySpan<byte>(from + first, run * (int)PageSize), offset + (long)first);
            }
            run = 0;
        }
    }

    private readonly record struct PageAlias(ulong Page, ulong Physical);

    private static bool HoldsData(SafeFileHandle file, long offset, long length)
    {
        var data = HostMemory.Seek((int)file.DangerousGetHandle(), offset, SeekData);
        return data >= 0 && data < offset + length;
    }
}
