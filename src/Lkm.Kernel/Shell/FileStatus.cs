using System.Buffers.Binary;

namespace Lkm.Kernel.Shell;

/// <summary>struct stat of x86-64 (arch/x86/include/uapi/asm/stat.h).</summary>
internal readonly record struct FileStatus(
    ulong Device, ulong Inode, ulong Links, uint Mode, uint User, uint Group, ulong RawDevice, long Size, long BlockSize, long Blocks,
    FileTime Accessed, FileTime Modified, FileTime Changed)
{
    /// <summary>Bytes of struct stat.</summary>
    public const int StructSize = 144;

    private const uint TypeMask = 0xf000;

    /// <summary>The file's type: S_IFMT of the mode.</summary>
    public FileType Type => (FileType)(Mode & TypeMask);

    /// <summary>The permission bits, with set-id and sticky bits.</summary>
    public uint Permissions => Mode & ~TypeMask;

    /// <summary>The mode as ls prints it, such as <c>crw-rw-rw-</c>.</summary>
    public string ModeText
    {
        get
        {
            Span<char> text = stackalloc char[10];
            text[0] = Type switch
            {
                FileType.Directory => 'd',
                FileType.CharacterDevice => 'c',
                FileType.BlockDevice => 'b',
                FileType.Link => 'l',
                FileType.Pipe => 'p',
                FileType.Socket => 's',
                _ => '-',
            };
            for (var i = 0; i < 9; i++)
                text[i + 1] = (Mode & (0x100u >> i)) != 0 ? "rwx"[i % 3] : '-';
            MarkSpecial(text, 3, 0x800, 's');
            MarkSpecial(text, 6, 0x400, 's');
            MarkSpecial(text, 9, 0x200, 't');
            return text.ToString();
        }
    }

    /// <summary>Reads what the system call filled in.</summary>
    public static FileStatus Read(ReadOnlySpan<byte> stat) => new(
        Word(stat, 0), Word(stat, 8), Word(stat, 16), Half(stat, 24), Half(stat, 28), Half(stat, 32), Word(stat, 40), (long)Word(stat, 48),
        (long)Word(stat, 56), (long)Word(stat, 64), Time(stat, 72), Time(stat, 88), Time(stat, 104));

    private static ulong Word(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(stat[offset..]);

    private static uint Half(ReadOnlySpan<byte> stat, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(stat[offset..]);

    private static FileTime Time(ReadOnlySpan<byte> stat, int offset) => new((long)Word(stat, offset), (long)Word(stat, offset + 8));

    private void MarkSpecial(Span<char> text, int at, uint bit, char mark)
    {
        if ((Mode & bit) != 0)
            text[at] = text[at] == 'x' ? mark : char.ToUpperInvariant(mark);
    }
}

/// <summary>The type of a file: S_IFMT values of include/uapi/linux/stat.h.</summary>
internal enum FileType
{
    Pipe = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    Link = 0xa000,
    Socket = 0xc000,
}

/// <summary>A time of a file, in seconds since 1970 and nanoseconds.</summary>
internal readonly record struct FileTime(long Seconds, long Nanoseconds)
{
    private static readonly long Last = new DateTimeOffset(9999, 12, 31, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();

    /// <summary>The second as a date in UTC; times that .NET cannot tell are its first and last.</summary>
    public DateTime Date => DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(Seconds, -Last / 8, Last)).UtcDateTime;
}

/// <summary>Device numbers as stat(2) and mknod(2) have them: new_encode_dev() of include/linux/kdev_t.h.</summary>
internal static class DeviceNumber
{
    public static ulong Make(uint major, uint minor) => (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);

    public static uint Major(ulong device) => (uint)(device >> 8) & 0xfff;

    public static uint Minor(ulong device) => (uint)((device & 0xff) | ((device >> 12) & 0xfff00));
}
