using System.Buffers.Binary;
using System.Text;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What tells a new ext2 file system from others: its name, when it was made, and two random numbers.</summary>
/// <param name="Label">At most 15 characters of it are kept.</param>
/// <param name="Seconds">Since 1970.</param>
/// <param name="Uuid">16 bytes.</param>
/// <param name="HashSeed">16 bytes, for the hashes of directories.</param>
internal sealed record Ext2Identity(string Label, uint Seconds, byte[] Uuid, byte[] HashSeed);

/// <summary>The bytes of an empty ext2 file system, with lost+found, in the pieces and the order in which busybox writes them: a driver sees the same requests.</summary>
/// <param name="geometry">Where everything lies.</param>
/// <param name="identity">What tells it from others.</param>
internal sealed class Ext2Image(Ext2Geometry geometry, Ext2Identity identity)
{
    private const int SuperblockAt = 1024, SuperblockSize = 1024;
    private const uint RootInode = 2, SectorSize = 512;
    private const byte Directory = 2; // EXT2_FT_DIR
    private const int ExtraSize = 28; // of the fields behind 128 bytes in struct ext4_inode, as far as i_version_hi

    private int BlockSize => (int)geometry.BlockSize;

    private uint RootBlock => geometry.InodeTable(0) + geometry.InodeTableBlocks;

    /// <summary>All pieces, and where they are written.</summary>
    public IEnumerable<(long At, byte[] Bytes)> Pieces()
    {
        for (var group = 0u; group < geometry.Groups; group++)
        {
            var taken = geometry.Taken(group);
            yield return (At(geometry.BlockBitmap(group)), Bitmap(taken, geometry.Length(group)));
            yield return (At(geometry.BlockBitmap(group) + 1), Bitmap(geometry.InodesPerGroup - FreeInodes(group), geometry.InodesPerGroup));
        }

        var (superblock, descriptors) = (Superblock(), Descriptors());
        for (var group = 0u; group < geometry.Groups; group++)
        {
            if (!Ext2Geometry.HasSuperblock(group))
                continue;
            var at = At(geometry.Start(group));
            yield return (group == 0 ? SuperblockAt : at, superblock);
            yield return (at + BlockSize, descriptors);
        }

        yield return (0, new byte[SuperblockAt]);
        var empty = new byte[BlockSize];
        for (var group = 0u; group < geometry.Groups; group++)
        {
            for (var block = 0u; block < geometry.InodeTableBlocks; block++)
                yield return (At(geometry.InodeTable(group) + block), empty);
        }

        yield return (InodeAt(RootInode), Inode(3, RootBlock, 1)); // "/.", "/.." and "/lost+found/.."
        yield return (InodeAt(Ext2Geometry.FirstInode), Inode(2, RootBlock + 1, geometry.LostAndFoundBlocks));
        var nothing = new byte[BlockSize];
        BinaryPrimitives.WriteUInt16LittleEndian(nothing.AsSpan(4), (ushort)BlockSize);
        for (var block = 1u; block < geometry.LostAndFoundBlocks; block++)
            yield return (At(RootBlock + 1 + block), nothing);
        yield return (At(RootBlock + 1), Entries((Ext2Geometry.FirstInode, "."), (RootInode, "..")));
        yield return (At(RootBlock), Entries((RootInode, "."), (RootInode, ".."), (Ext2Geometry.FirstInode, "lost+found")));
    }

    private static void Put(Span<byte> bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], value);

    private static void PutHalf(Span<byte> bytes, int at, uint value) => BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], (ushort)value);

    private long At(uint block) => (long)block * BlockSize;

    private long InodeAt(uint inode) => At(geometry.InodeTable(0)) + ((inode - 1) * geometry.InodeSize);

    private uint FreeInodes(uint group) => geometry.InodesPerGroup - (group == 0 ? Ext2Geometry.FirstInode : 0);

    private uint FreeBlocks(uint group) => geometry.Length(group) - geometry.Taken(group);

    /// <summary>A block of bits: those of what is taken are set, and those behind what there is.</summary>
    private byte[] Bitmap(uint taken, uint length)
    {
        var bits = new byte[BlockSize];
        for (var bit = 0u; bit < geometry.BlocksPerGroup; bit++)
        {
            if (bit < taken || bit >= length)
                bits[bit / 8] |= (byte)(1 << (int)(bit % 8));
        }

        return bits;
    }

    private byte[] Descriptors()
    {
        var bytes = new byte[geometry.DescriptorBlocks * BlockSize];
        for (var group = 0u; group < geometry.Groups; group++)
        {
            var descriptor = bytes.AsSpan((int)(group * Ext2Geometry.DescriptorSize));
            Put(descriptor, 0, geometry.BlockBitmap(group));
            Put(descriptor, 4, geometry.BlockBitmap(group) + 1);
            Put(descriptor, 8, geometry.InodeTable(group));
            PutHalf(descriptor, 12, FreeBlocks(group));
            PutHalf(descriptor, 14, FreeInodes(group));
            PutHalf(descriptor, 16, group == 0 ? 2u : 0); // directories
        }

        return bytes;
    }

    /// <summary>struct ext2_super_block, and fields of ext4's.</summary>
    private byte[] Superblock()
    {
        const uint magic = 0xef53, halfYear = 180 * 24 * 60 * 60, mounts = 20, fileType = 2, sparseSuper = 1, directoryIndex = 0x20, unsignedHash = 2;
        var bytes = new byte[SuperblockSize];
        var free = 0u;
        for (var group = 0u; group < geometry.Groups; group++)
            free += FreeBlocks(group);
        var inodes = geometry.InodesPerGroup * geometry.Groups;
        uint[] first =
        [
            inodes, geometry.Blocks, geometry.Reserved, free, inodes - Ext2Geometry.FirstInode, geometry.FirstBlock, geometry.LogBlockSize, geometry.LogBlockSize,
            geometry.BlocksPerGroup, geometry.BlocksPerGroup, geometry.InodesPerGroup, 0, identity.Seconds,
        ];
        for (var i = 0; i < first.Length; i++)
            Put(bytes, i * sizeof(uint), first[i]);
        PutHalf(bytes, 54, mounts + (identity.Uuid[^1] % mounts)); // not all file systems are to be checked at the same time
        PutHalf(bytes, 56, magic);
        PutHalf(bytes, 58, 1); // clean
        PutHalf(bytes, 60, 1); // go on at errors
        Put(bytes, 64, identity.Seconds); // the last check
        Put(bytes, 68, halfYear);
        Put(bytes, 76, 1); // the revision that has what follows
        Put(bytes, 84, Ext2Geometry.FirstInode);
        PutHalf(bytes, 88, geometry.InodeSize);
        Put(bytes, 92, directoryIndex);
        Put(bytes, 96, fileType);
        Put(bytes, 100, sparseSuper);
        identity.Uuid.CopyTo(bytes, 104);
        var label = Encoding.UTF8.GetBytes(identity.Label);
        label.AsSpan(0, Math.Min(label.Length, 15)).CopyTo(bytes.AsSpan(120));
        identity.HashSeed.CopyTo(bytes, 236);
        bytes[252] = 1; // half of MD4
        Put(bytes, 264, identity.Seconds);
        if (geometry.InodeSize > 128)
        {
            PutHalf(bytes, 348, ExtraSize);
            PutHalf(bytes, 350, ExtraSize);
        }

        Put(bytes, 352, unsignedHash);
        return bytes;
    }

    /// <summary>struct ext2_inode of a directory in blocks that follow each other.</summary>
    private byte[] Inode(uint links, uint block, uint count)
    {
        const uint directoryMode = 0x41ed; // drwxr-xr-x
        var bytes = new byte[geometry.InodeSize];
        PutHalf(bytes, 0, directoryMode);
        Put(bytes, 4, count * geometry.BlockSize);
        Put(bytes, 8, identity.Seconds);
        Put(bytes, 12, identity.Seconds);
        Put(bytes, 16, identity.Seconds);
        PutHalf(bytes, 26, links);
        Put(bytes, 28, count * (geometry.BlockSize / SectorSize));
        for (var i = 0u; i < count; i++)
            Put(bytes, 40 + (int)(i * sizeof(uint)), block + i);
        return bytes;
    }

    /// <summary>A directory's first block: struct ext2_dir_entry_2, the last one as long as what is left.</summary>
    private byte[] Entries(params ReadOnlySpan<(uint Inode, string Name)> entries)
    {
        var bytes = new byte[BlockSize];
        var at = 0;
        for (var i = 0; i < entries.Length; i++)
        {
            const int headerSize = 8;
            var (inode, name) = entries[i];
            var length = i == entries.Length - 1 ? BlockSize - at : (headerSize + name.Length + 3) & ~3;
            Put(bytes, at, inode);
            PutHalf(bytes, at + 4, (uint)length);
            bytes[at + 6] = (byte)name.Length;
            bytes[at + 7] = Directory;
            Encoding.ASCII.GetBytes(name, bytes.AsSpan(at + headerSize));
            at += length;
        }

        return bytes;
    }
}
