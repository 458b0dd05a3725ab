using System.Globalization;
using System.Text;

namespace Lkm.RealLinux;

/// <summary>Writes the "newc" cpio format, which the kernel unpacks as its first root folder (Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
/// <remarks>No root is needed: owners and device nodes are only numbers in headers. Parent folders are written before what is in them.</remarks>
/// <param name="output">Where the archive goes.</param>
public sealed class CpioArchive(Stream output)
{
    private const int Folder = 0x4000, CharacterDevice = 0x2000, Regular = 0x8000, Link = 0xa000;
    private readonly HashSet<string> _folders = [];
    private int _inode;
    private long _position;

    /// <summary>Adds a folder and those above it.</summary>
    public void AddFolder(string path)
    {
        path = path.Trim('/');
        if (path.Length == 0 || !_folders.Add(path))
            return;
        AddFolder(Path.GetDirectoryName(path) ?? "");
        Write(path, Folder | 0x1ed, []);
    }

    /// <summary>Adds a file, executable for everybody.</summary>
    public void AddFile(string path, ReadOnlySpan<byte> contents) => WriteBelow(path, Regular | 0x1ed, contents);

    /// <summary>Adds a text.</summary>
    public void AddFile(string path, string contents) => AddFile(path, Encoding.UTF8.GetBytes(contents));

    /// <summary>Adds a symbolic link.</summary>
    public void AddLink(string path, string target) => WriteBelow(path, Link | 0x1ff, Encoding.UTF8.GetBytes(target));

    /// <summary>Adds a character device.</summary>
    public void AddCharacterDevice(string path, int major, int minor) => WriteBelow(path, CharacterDevice | 0x1b6, [], major, minor);

    /// <summary>Ends the archive.</summary>
    public void Finish() => Write("TRAILER!!!", 0, []);

    private void WriteBelow(string path, int mode, ReadOnlySpan<byte> contents, int major = 0, int minor = 0)
    {
        path = path.Trim('/');
        AddFolder(Path.GetDirectoryName(path) ?? "");
        Write(path, mode, contents, major, minor);
    }

    private void Write(string name, int mode, ReadOnlySpan<byte> contents, int major = 0, int minor = 0)
    {
        byte[] nameBytes = Encoding.UTF8.GetBytes(name + "\0");
        // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        ReadOnlySpan<int> fields = [++_inode, mode, 0, 0, 1, 0, contents.Length, 0, 0, major, minor, nameBytes.Length, 0];
        var header = new StringBuilder("070701");
        foreach (int field in fields)
            header.Append(field.ToString("X8", CultureInfo.InvariantCulture));
        Put(Encoding.ASCII.GetBytes(header.ToString()));
        Put(nameBytes);
        Align();
        Put(contents);
        Align();
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        _position += bytes.Length;
    }

    private void Align() => Put(stackalloc byte[(int)(-_position & 3)]);
}
