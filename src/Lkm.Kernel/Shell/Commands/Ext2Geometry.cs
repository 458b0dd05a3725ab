using System.Text;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What is asked of a new ext2 file system; what is null, its size decides.</summary>
/// <param name="Kibibytes">How large the device is.</param>
/// <param name="BlockSize">-b.</param>
/// <param name="BytesPerInode">-i.</param>
/// <param name="InodeSize">-I.</param>
/// <param name="ReservedPercent">-m.</param>
internal readonly record struct Ext2Request(ulong Kibibytes, uint? BlockSize = null, uint? BytesPerInode = null, uint? InodeSize = null, uint ReservedPercent = 5);

/// <summary>Where everything of an empty ext2 file system lies (fs/ext2/ext2.h); the sizes are those that busybox's mke2fs chooses.</summary>
internal sealed class Ext2Geometry
{
    /// <summary>Inodes below this one are the file system's own; it is that of lost+found (EXT2_GOOD_OLD_FIRST_INO).</summary>
    public const uint FirstInode = 11;

    /// <summary>Bytes of a group's descriptor.</summary>
    public const uint DescriptorSize = 32;

    private const uint SmallestBlock = 1024, LargestBlock = 65536, SmallestInode = 128, DirectBlocks = 12;

    public required uint BlockSize { get; init; }

    public required uint InodeSize { get; init; }

    public required uint Reserved { get; init; }

    public required uint ReservedPercent { get; init; }

    /// <summary>How many blocks are used; a last group that could hold little more than its own tables is left out.</summary>
    public uint Blocks { get; private set; }

    /// <summary>How many are left out.</summary>
    public uint Unused { get; private set; }

    public uint Groups { get; private set; }

    public uint InodesPerGroup { get; private set; }

    /// <summary>Blocks of a group's inodes.</summary>
    public uint InodeTableBlocks { get; private set; }

    /// <summary>Blocks of all groups' descriptors.</summary>
    public uint DescriptorBlocks { get; private set; }

    /// <summary>The first kibibyte is for a boot loader: it is a block of its own, or a part of the first.</summary>
    public uint FirstBlock => BlockSize == SmallestBlock ? 1u : 0;

    /// <summary>As many as one block has bits.</summary>
    public uint BlocksPerGroup => 8 * BlockSize;

    public uint LostAndFoundBlocks => Math.Min(DirectBlocks, 16 * SmallestBlock / BlockSize);

    /// <summary>log2 of the block size, from 1024 on.</summary>
    public uint LogBlockSize => (uint)System.Numerics.BitOperations.Log2(BlockSize / SmallestBlock);

    /// <summary>Decides where everything lies; or says what is wrong.</summary>
    public static (Ext2Geometry? Geometry, string Problem) For(Ext2Request request)
    {
        var large = request.Kibibytes >= 512 * 1024;
        var blockSize = large ? 4096 : SmallestBlock;
        while (request.Kibibytes >> 22 >= blockSize)
            blockSize *= 2;
        blockSize = request.BlockSize ?? blockSize;
        var bytesPerInode = request.BytesPerInode ?? (large ? 16384u : request.Kibibytes < 3 * 1024 ? 8192u : 4096u);
        var inodeSize = request.InodeSize ?? (large ? 256 : SmallestInode);
        if (blockSize is < SmallestBlock or > LargestBlock || !uint.IsPow2(blockSize))
            return (null, $"blocksize {blockSize} is bad");
        if (inodeSize < SmallestInode || inodeSize > blockSize || !uint.IsPow2(inodeSize))
            return (null, "-I is bad");
        if ((int)bytesPerInode < blockSize)
            return (null, "-i is bad");
        var blocks = request.Kibibytes / (blockSize / SmallestBlock);
        if (blocks > uint.MaxValue)
            return (null, "block count doesn't fit in 32 bits");
        if (blocks < 60)
            return (null, "need >= 60 blocks");
        if (request.ReservedPercent > 50)
            return (null, "-m is bad");
        var geometry = new Ext2Geometry
        {
            BlockSize = blockSize,
            InodeSize = inodeSize,
            Reserved = (uint)(blocks * request.ReservedPercent / 100),
            ReservedPercent = request.ReservedPercent,
        };
        geometry.Fill((uint)blocks, bytesPerInode);
        return (geometry, "");
    }

    /// <summary>Whether a group begins with a copy of the superblock and the descriptors: 0, 1 and powers of 3, 5 and 7 (SPARSE_SUPER).</summary>
    public static bool HasSuperblock(uint group)
    {
        return group <= 1 || IsPower(3) || IsPower(5) || IsPower(7);

        bool IsPower(uint of)
        {
            ulong power = of;
            while (power < group)
                power *= of;
            return power == group;
        }
    }

    /// <summary>The first block of a group.</summary>
    public uint Start(uint group) => FirstBlock + (group * BlocksPerGroup);

    /// <summary>The block with the bits of a group's blocks; behind it lie those of the inodes, and then the inodes.</summary>
    public uint BlockBitmap(uint group) => Start(group) + (HasSuperblock(group) ? 1 + DescriptorBlocks : 0);

    /// <summary>The first block of a group's inodes.</summary>
    public uint InodeTable(uint group) => BlockBitmap(group) + 2;

    /// <summary>How many blocks a group begins with that are taken; in the first one lie both directories too.</summary>
    public uint Taken(uint group) => BlockBitmap(group) - Start(group) + 2 + InodeTableBlocks + (group == 0 ? 1 + LostAndFoundBlocks : 0);

    /// <summary>How many blocks a group has; the last one may have fewer than others.</summary>
    public uint Length(uint group) => Math.Min(BlocksPerGroup, Blocks - Start(group));

    /// <summary>What busybox says of it.</summary>
    /// <param name="label">The file system's name.</param>
    public string Describe(string label)
    {
        var text = new StringBuilder();
        if (Unused > 0)
            text.Append($"warning: {Unused} blocks unused\n\n");
        text.Append($"Filesystem label={label}\nOS type: Linux\nBlock size={BlockSize} (log={LogBlockSize})\nFragment size={BlockSize} (log={LogBlockSize})\n");
        text.Append($"{InodesPerGroup * Groups} inodes, {Blocks} blocks\n{Reserved} blocks ({ReservedPercent}%) reserved for the super user\n");
        text.Append($"First data block={FirstBlock}\nMaximum filesystem blocks={DescriptorBlocks * (BlockSize / DescriptorSize) * BlocksPerGroup}\n");
        text.Append($"{Groups} block groups\n{BlocksPerGroup} blocks per group, {BlocksPerGroup} fragments per group\n{InodesPerGroup} inodes per group");
        var before = "\nSuperblock backups stored on blocks:\n\t";
        for (var group = 1u; group < Groups; group++)
        {
            if (!HasSuperblock(group))
                continue;
            text.Append(before).Append(Start(group));
            before = ", ";
        }

        return text.Append('\n').ToString();
    }

    /// <summary>As e2fsprogs does it: inodes for the whole size in equal parts, each filling its blocks, and no last group without room.</summary>
    private void Fill(uint blocks, uint bytesPerInode)
    {
        const uint leastOfGroup = 16, roomOfLast = 50;
        Blocks = blocks;
        while (true)
        {
            Groups = Parts(Blocks - FirstBlock, BlocksPerGroup);
            DescriptorBlocks = Parts(Groups, BlockSize / DescriptorSize);
            var inodes = Math.Max((uint)((ulong)blocks * BlockSize / bytesPerInode), FirstInode + 1);
            var each = Math.Clamp(Parts(inodes, Groups), leastOfGroup, BlocksPerGroup);
            InodesPerGroup = Parts(each * InodeSize, BlockSize) * BlockSize / InodeSize & ~7u;
            InodeTableBlocks = Parts(InodesPerGroup * InodeSize, BlockSize);
            var overhead = (HasSuperblock(Groups - 1) ? 1 + DescriptorBlocks : 0) + 2 + InodeTableBlocks;
            var rest = (Blocks - FirstBlock) % BlocksPerGroup;
            if (rest == 0 || rest >= overhead + roomOfLast)
                break;
            Blocks -= rest;
        }

        Unused = blocks - Blocks;
    }

    private static uint Parts(uint size, uint part) => (uint)(((ulong)size + part - 1) / part);
}
