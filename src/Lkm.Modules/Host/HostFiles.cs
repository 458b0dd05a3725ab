using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lkm.Formats;

namespace Lkm.Modules.Host;

/// <summary>What a directory says an entry is (d_type of getdents64(2)).</summary>
public enum EntryKind
{
    /// <summary>Anything else, or not told by this file system.</summary>
    Other = 0,

    /// <summary>A directory.</summary>
    Directory = 4,

    /// <summary>A regular file.</summary>
    File = 8,

    /// <summary>A symbolic link.</summary>
    Link = 10,
}

/// <summary>An entry of a directory.</summary>
/// <param name="name">Its name.</param>
/// <param name="kind">What it is.</param>
public sealed class DirectoryEntry(string name, EntryKind kind)
{
    /// <summary>Its name.</summary>
    public string Name { get; } = name;

    /// <summary>What it is.</summary>
    public EntryKind Kind { get; } = kind;
}

/// <summary>What is known of a file beside its bytes (statx(2)).</summary>
/// <param name="Size">Its length in bytes.</param>
/// <param name="AllocatedSize">Bytes on the disk; holes take none.</param>
/// <param name="Modified">When its contents changed last, in ticks of 100 ns since 1970 (UTC).</param>
public readonly record struct FileStatus(long Size, long AllocatedSize, long Modified);

/// <summary>
/// Questions about paths, answered by the C library directly: .NET's file classes load a hundred types before their first answer, which is more time
/// than a small tool takes for all of its work.
/// </summary>
public static class HostFiles
{
    /// <summary>Whether there is something at the path; links are followed.</summary>
    public static bool Exists(string path)
    {
        using var name = new Pinned(path);
        return LibC.Access(name.Address, 0) == 0;
    }

    /// <summary>Whether there is a directory at the path; links are followed.</summary>
    public static bool IsDirectory(string path) => Exists($"{path}/.");

    /// <summary>Whether there is something other than a directory at the path; links are followed.</summary>
    public static bool IsFile(string path) => Exists(path) && !IsDirectory(path);

    /// <summary>What is known of the file or directory at the path.</summary>
    /// <param name="path">The path.</param>
    /// <param name="status">What is known, if there is something.</param>
    /// <param name="followLinks">Whether a link stands for what it points at.</param>
    /// <returns>Whether there is something.</returns>
    public static bool TryGetStatus(string path, out FileStatus status, bool followLinks = true)
    {
        const int currentDirectory = -100, noFollow = 0x100; // AT_FDCWD, AT_SYMLINK_NOFOLLOW
        const int statusSize = 256, sizeAt = 40, blocksAt = 48, secondsAt = 112, nanosecondsAt = 120; // struct statx
        const int blockSize = 512, nanosecondsPerTick = 100;
        const uint wanted = 0x40 | 0x200 | 0x400; // STATX_MTIME, STATX_SIZE, STATX_BLOCKS
        var bytes = new byte[statusSize];
        using var name = new Pinned(path);
        using var answer = new Pinned(bytes);
        var isThere = LibC.Status(currentDirectory, name.Address, followLinks ? 0 : noFollow, wanted, answer.Address) == 0;
        status = new FileStatus(
            BitConverter.ToInt64(bytes, sizeAt),
            BitConverter.ToInt64(bytes, blocksAt) * blockSize,
            (BitConverter.ToInt64(bytes, secondsAt) * TimeSpan.TicksPerSecond) + (BitConverter.ToInt32(bytes, nanosecondsAt) / nanosecondsPerTick));
        return isThere;
    }

    /// <summary>What the files of a folder take on the disk, in bytes; holes take nothing.</summary>
    internal static long AllocatedSize(DirectoryInfo folder)
    {
        long size = 0;
        foreach (var file in folder.EnumerateFiles("*", SearchOption.AllDirectories))
        {
            if (TryGetStatus(file.FullName, out var status, followLinks: false))
                size += status.AllocatedSize;
        }
        return size;
    }

    /// <summary>The entries of a directory in the order that it gives, without <c>.</c> and <c>..</c>.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="entries">Its entries; what was read if there is an error.</param>
    /// <returns>OK, ENOTDIR if it is no directory, or why it can't be read.</returns>
    public static Errno List(string path, out List<DirectoryEntry> entries)
    {
        entries = [];
        if (SmallFile.Open(path, out var file) is not Errno.OK and var error)
        {
            return error;
        }
        using (file)
        {
            var buffer = new byte[8 * 1024];
            using var pinned = new Pinned(buffer);
            while (true)
            {
                var length = (int)LibC.ReadDirectory(file.Descriptor, pinned.Address, buffer.Length);
                if (length <= 0)
                {
                    return length == 0 ? Errno.OK : (Errno)Marshal.GetLastSystemError();
                }
                AddEntries(buffer.AsSpan(0, length), entries);
            }
        }
    }

    /// <summary>struct linux_dirent64: u64 inode, s64 offset, u16 length of the record, u8 type, the name and a NUL.</summary>
    private static void AddEntries(ReadOnlySpan<byte> records, List<DirectoryEntry> entries)
    {
        const int lengthAt = 16, kindAt = 18, nameAt = 19;
        while (records.Length > nameAt)
        {
            int length = BitConverter.IsLittleEndian
                ? BinaryPrimitives.ReadUInt16LittleEndian(records[lengthAt..])
                : BinaryPrimitives.ReadUInt16BigEndian(records[lengthAt..]);
            var end = nameAt;
            while (end < length && records[end] != 0)
            {
                end++;
            }
            var name = LosslessText.Decode(records[nameAt..end]);
            if (name is not ("." or ".."))
            {
                entries.Add(new(name, (EntryKind)records[kindAt]));
            }
            records = records[length..];
        }
    }
}
