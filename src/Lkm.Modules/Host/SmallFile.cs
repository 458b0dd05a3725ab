using System.Runtime.InteropServices;
using Lkm.Formats;

namespace Lkm.Modules.Host;

/// <summary>
/// A file that is open for reading, as a plain descriptor. .NET's own way there begins with reflection and reports a missing file by an
/// exception; either takes longer than all the rest of a small tool, and files of modules and their indexes are often missing.
/// </summary>
internal readonly struct SmallFile : IDisposable
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int SeekSet = 0, SeekEnd = 2;
    private const int FirstSize = 4096;

    private SmallFile(int descriptor) => Descriptor = descriptor;

    /// <summary>The descriptor.</summary>
    public int Descriptor { get; }

    /// <summary>Opens a file for reading.</summary>
    public static Errno Open(string path, out SmallFile file)
    {
        using var name = new Pinned(path);
        file = new(LibC.Open(name.Address, CloseOnExec, 0));
        return file.Descriptor < 0 ? (Errno)Marshal.GetLastSystemError() : Errno.OK;
    }

    /// <summary>A file's bytes, or null and why.</summary>
    public static byte[]? TryRead(string path, out Errno error)
    {
        error = Open(path, out var file);
        if (error != Errno.OK)
        {
            return null;
        }
        using (file)
        {
            return file.ReadAll(out error);
        }
    }

    /// <summary>Reads up to that many bytes from the start.</summary>
    /// <returns>How many there were.</returns>
    public int ReadStart(byte[] bytes)
    {
        using var pinned = new Pinned(bytes);
        var count = LibC.Read(Descriptor, pinned.Address, bytes.Length);
        LibC.Seek(Descriptor, 0, SeekSet);
        return (int)Math.Max(count, 0);
    }

    /// <summary>The file's size in bytes; negative if it has none.</summary>
    public long Size => LibC.Seek(Descriptor, 0, SeekEnd);

    /// <summary>Reads a part of the file into the same place of an array.</summary>
    /// <returns>Whether the file had that part.</returns>
    public bool ReadPart(byte[] bytes, int offset, int count)
    {
        using var pinned = new Pinned(bytes);
        while (count > 0)
        {
            var read = (int)LibC.ReadAt(Descriptor, pinned.Address + offset, count, offset);
            if (read <= 0 && (read == 0 || Marshal.GetLastSystemError() != (int)Errno.EINTR))
            {
                return false;
            }
            offset += Math.Max(read, 0);
            count -= Math.Max(read, 0);
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Descriptor >= 0)
        {
            LibC.Close(Descriptor);
        }
    }

    /// <summary>Reads to the end; files of /proc and /sys state no size, or a wrong one.</summary>
    private byte[]? ReadAll(out Errno error)
    {
        var size = LibC.Seek(Descriptor, 0, SeekEnd);
        LibC.Seek(Descriptor, 0, SeekSet);
        if (size > Array.MaxLength)
        {
            error = Errno.EFBIG;
            return null;
        }
        var bytes = GC.AllocateUninitializedArray<byte>(size > 0 ? (int)size : FirstSize);
        if (size > 0 && ReadPart(bytes, 0, bytes.Length))
        {
            error = Errno.OK;
            return bytes;
        }
        var length = 0;
        while (true)
        {
            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, bytes.Length * 2);
            }
            nint count;
            using (var pinned = new Pinned(bytes))
            {
                count = LibC.Read(Descriptor, pinned.Address + length, bytes.Length - length);
            }
            if (count <= 0)
            {
                error = count < 0 ? (Errno)Marshal.GetLastSystemError() : Errno.OK;
                if (error == Errno.EINTR)
                {
                    continue;
                }
                if (error != Errno.OK)
                {
                    return null;
                }
                break;
            }
            length += (int)count;
        }
        Array.Resize(ref bytes, length);
        return bytes;
    }
}
