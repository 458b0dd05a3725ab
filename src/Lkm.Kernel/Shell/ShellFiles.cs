using System.Buffers.Binary;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;

namespace Lkm.Kernel.Shell;

/// <summary>Flags of open(2) (include/uapi/asm-generic/fcntl.h).</summary>
[Flags]
internal enum OpenFlags
{
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    Create = 0x40,
    Exclusive = 0x80,
    Truncate = 0x200,
    Append = 0x400,
    NonBlocking = 0x800,
    Directory = 0x10000,
}

/// <summary>One entry of a directory.</summary>
internal readonly record struct DirectoryEntry(string Name, ulong Inode);

/// <summary>The file system calls, with C# arguments. One instance makes its calls in one command's name (comm).</summary>
internal sealed class ShellFiles(ISystemCalls calls, string commandName)
{
    private const ulong CurrentDirectory = unchecked((ulong)-100); // AT_FDCWD
    private const ulong NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int PathMax = 4096;

    /// <summary>The process.</summary>
    public ISystemCalls Process => calls;

    /// <summary>A system call in the command's name.</summary>
    public GuestTask<long> Call(string name, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0)
    {
        calls.SetName(commandName);
        return calls.SystemCall(name, a0, a1, a2, a3, a4, a5);
    }

    /// <summary>A system call whose first argument is a path.</summary>
    public async GuestTask<Errno> CallPath(string name, string path, ulong a1 = 0, ulong a2 = 0)
    {
        if (TooLong(path))
            return Errno.ENAMETOOLONG;
        return ErrorOf(await Call(name, await Put(path), a1, a2));
    }

    /// <summary>A system call with two paths.</summary>
    public async GuestTask<Errno> CallPaths(string name, string first, string second)
    {
        if (TooLong(first) || TooLong(second))
            return Errno.ENAMETOOLONG;
        return ErrorOf(await Call(name, await Put(first), await Put(second)));
    }

    /// <summary>The error of a system call's result; <see cref="Errno.OK"/> when it is none. A driver may return what is less than any errno.</summary>
    public static Errno ErrorOf(long result) =>
        ErrnoText.TryFromReturnValue(result, out var error) ? error : result < 0 ? Errno.EIO : Errno.OK;

    /// <summary>Puts a NUL-terminated string into the user buffer.</summary>
    public GuestTask<ulong> Put(string text) => calls.Put(Encoding.UTF8.GetBytes(text + "\0"));

    /// <summary>Takes zeroed room in the user buffer.</summary>
    public GuestTask<ulong> Take(int length) => calls.Put(new byte[length]);

    /// <summary>Reads a part of the user buffer, which is always there.</summary>
    public async GuestTask<byte[]> Get(ulong address, int length) =>
        await calls.TryRead(address, length) ?? throw new InvalidOperationException("the user buffer cannot be read");

    /// <summary>A random UUID (version 4), from getrandom(2).</summary>
    public async GuestTask<byte[]> RandomUuid()
    {
        const int size = 16;
        var random = await Take(size);
        await Call("getrandom", random, size, 0);
        var uuid = await Get(random, size);
        uuid[6] = (byte)((uuid[6] & 0x0f) | 0x40);
        uuid[8] = (byte)((uuid[8] & 0x3f) | 0x80);
        return uuid;
    }

    /// <summary>Opens a file.</summary>
    /// <returns>Its descriptor, or a negative errno.</returns>
    public async GuestTask<int> Open(string path, OpenFlags flags, uint mode = 0x1b6 /* 0666 */)
    {
        if (TooLong(path))
            return -(int)Errno.ENAMETOOLONG;
        return (int)await Call("openat", CurrentDirectory, await Put(path), (ulong)flags, mode);
    }

    /// <summary>pipe(2): the descriptors to read from and to write to.</summary>
    public async GuestTask<(int Reader, int Writer, Errno Error)> MakePipe()
    {
        var pair = await Process.Put(new byte[2 * sizeof(int)]);
        if (ErrorOf(await Call("pipe", pair)) is var error and not Errno.OK)
            return (-1, -1, error);
        var bytes = await Get(pair, 2 * sizeof(int));
        return (BitConverter.ToInt32(bytes), BitConverter.ToInt32(bytes, sizeof(int)), Errno.OK);
    }

    /// <summary>close(2).</summary>
    public async GuestTask<Errno> Close(int descriptor) => ErrorOf(await Call("close", (ulong)descriptor));

    /// <summary>One read(2), of no more than the buffer holds.</summary>
    public async GuestTask<ReadResult> Read(int descriptor, int count)
    {
        count = Math.Min(count, calls.BufferLength);
        var result = await Call("read", (ulong)descriptor, calls.Buffer, (ulong)count);
        return ErrorOf(result) is var error && error != Errno.OK
            ? new ReadResult([], error)
            : new ReadResult(result == 0 ? [] : await Get(calls.Buffer, (int)Math.Min(result, count)), Errno.OK); // a driver may say more than it was asked for
    }

    /// <summary>Writes all bytes, with one write(2) for each part that the buffer holds.</summary>
    public async GuestTask<Errno> WriteAll(int descriptor, ReadOnlyMemory<byte> bytes)
    {
        do
        {
            var part = bytes[..Math.Min(bytes.Length, calls.BufferLength)];
            var result = await Call("write", (ulong)descriptor, await calls.Put(part), (ulong)part.Length);
            if (ErrorOf(result) is var error && error != Errno.OK)
                return error;
            if (result == 0 && part.Length > 0)
                return Errno.EIO;
            if (result > part.Length)
                return Errno.EFAULT; // a driver said more than it was given: busybox goes on with the rest, which has no end
            bytes = bytes[(int)result..];
        }
        while (!bytes.IsEmpty);
        return Errno.OK;
    }

    /// <summary>One read(2) of any size.</summary>
    public async GuestTask<ReadResult> ReadBlock(int descriptor, int count)
    {
        if (count <= calls.BufferLength)
            return await Read(descriptor, count);
        var memory = await Map(count);
        if (ErrorOf(memory) is var error && error != Errno.OK)
            return new ReadResult([], error);
        var result = await Call("read", (ulong)descriptor, (ulong)memory, (ulong)count);
        error = ErrorOf(result);
        var bytes = error == Errno.OK ? await Get((ulong)memory, (int)Math.Min(result, count)) : [];
        await Call("munmap", (ulong)memory, (ulong)count);
        return new ReadResult(bytes, error);
    }

    /// <summary>Writes all bytes, with one write(2) when the file takes them all.</summary>
    public async GuestTask<Errno> WriteBlock(int descriptor, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length <= calls.BufferLength)
            return await WriteAll(descriptor, bytes);
        var memory = await Map(bytes.Length);
        var error = ErrorOf(memory);
        if (error == Errno.OK && !await calls.TryWrite((ulong)memory, bytes))
            error = Errno.ENOMEM;
        for (var done = 0L; error == Errno.OK && done < bytes.Length;)
        {
            var result = await Call("write", (ulong)descriptor, (ulong)(memory + done), (ulong)(bytes.Length - done));
            error = result == 0 ? Errno.EIO : ErrorOf(result);
            done += result;
        }

        if (memory > 0)
            await Call("munmap", (ulong)memory, (ulong)bytes.Length);
        return error;
    }

    /// <summary>Reads a whole file.</summary>
    public async GuestTask<ReadResult> ReadFile(string path)
    {
        var descriptor = await Open(path, OpenFlags.ReadOnly);
        if (descriptor < 0)
            return new ReadResult([], (Errno)(-descriptor));
        using var content = new MemoryStream();
        ReadResult read;
        while (!(read = await Read(descriptor, calls.BufferLength)).IsEnd)
            content.Write(read.Bytes);
        await Close(descriptor);
        return new ReadResult(content.ToArray(), read.Error);
    }

    /// <summary>Asks for a file's status.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="follow">Whether a symbolic link stands for what it points to.</param>
    public async GuestTask<(FileStatus Status, Errno Error)> Stat(string path, bool follow = true)
    {
        if (TooLong(path))
            return (default, Errno.ENAMETOOLONG);
        var stat = await Take(FileStatus.StructSize);
        var error = ErrorOf(await Call("newfstatat", CurrentDirectory, await Put(path), stat, follow ? 0 : NoFollow));
        return error == Errno.OK ? (FileStatus.Read(await Get(stat, FileStatus.StructSize)), error) : (default, error);
    }

    /// <summary>The target of a symbolic link.</summary>
    public async GuestTask<(string Target, Errno Error)> ReadLink(string path)
    {
        if (TooLong(path))
            return ("", Errno.ENAMETOOLONG);
        var buffer = await Take(PathMax);
        var length = await Call("readlink", await Put(path), buffer, PathMax);
        return ErrorOf(length) is var error && error != Errno.OK
            ? ("", error)
            : (Encoding.UTF8.GetString(await Get(buffer, (int)length)), Errno.OK);
    }

    /// <summary>The working directory (getcwd(2)).</summary>
    public async GuestTask<(string Path, Errno Error)> WorkingDirectory()
    {
        var buffer = await Take(PathMax);
        var length = await Call("getcwd", buffer, PathMax);
        return ErrorOf(length) is var error && error != Errno.OK
            ? ("", error)
            : (Encoding.UTF8.GetString(await Get(buffer, (int)length - 1)), Errno.OK);
    }

    /// <summary>The entries of a directory, with . and .., in the directory's order.</summary>
    public async GuestTask<(List<DirectoryEntry> Entries, Errno Error)> ReadDirectory(string path)
    {
        var entries = new List<DirectoryEntry>();
        var descriptor = await Open(path, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NonBlocking);
        if (descriptor < 0)
            return (entries, (Errno)(-descriptor));
        long length;
        while ((length = await Call("getdents64", (ulong)descriptor, calls.Buffer, (ulong)calls.BufferLength)) > 0)
            AddEntries(entries, await Get(calls.Buffer, (int)length));
        await Close(descriptor);
        return (entries, ErrorOf(length));
    }

    /// <summary>The path of an entry.</summary>
    public static string Combine(string directory, string name) =>
        directory.Length == 0 || directory.EndsWith('/') ? directory + name : directory + "/" + name;

    /// <summary>The last component of a path.</summary>
    public static string BaseName(string path)
    {
        var trimmed = path.TrimEnd('/');
        return trimmed.Length == 0 ? path : trimmed[(trimmed.LastIndexOf('/') + 1)..];
    }

    private GuestTask<long> Map(int length)
    {
        const ulong readWrite = 3, privateAnonymous = 0x22, noFile = ulong.MaxValue;
        return Call("mmap", 0, (ulong)length, readWrite, privateAnonymous, noFile);
    }

    private static bool TooLong(string path) => Encoding.UTF8.GetByteCount(path) >= PathMax;

    /// <summary>struct linux_dirent64: ino, off, reclen, type, name (include/linux/dirent.h).</summary>
    private static void AddEntries(List<DirectoryEntry> entries, ReadOnlySpan<byte> dirents)
    {
        const int lengthOffset = 16, nameOffset = 19;
        while (dirents.Length >= nameOffset)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(dirents[lengthOffset..]);
            var name = dirents[nameOffset..length];
            if (name.IndexOf((byte)0) is var end and >= 0)
                name = name[..end];
            entries.Add(new DirectoryEntry(Encoding.UTF8.GetString(name), BinaryPrimitives.ReadUInt64LittleEndian(dirents)));
            dirents = dirents[length..];
        }
    }
}
