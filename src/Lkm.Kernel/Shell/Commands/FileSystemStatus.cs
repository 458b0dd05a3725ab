using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>stat -f: the file system that a file is on, as busybox prints it.</summary>
internal static class FileSystemStatus
{
    private const string Whole = """
          File: "%n"
            ID: %i Namelen: %l Type: %T
        Block size: %s
        Blocks: Total: %b Free: %f Available: %a
        Inodes: Total: %c Free: %d
        """;

    /// <summary>Prints it, by a format if there is one.</summary>
    public static async GuestTask<int> Print(CommandContext c, string path, string? format)
    {
        const int size = 120; // struct statfs: f_type, f_bsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_fsid, f_namelen, f_frsize, ...
        var buffer = await c.Files.Take(size);
        if (await c.Files.CallPath("statfs", path, buffer) is var error and not Errno.OK)
            return await c.Fail($"can't read file system information for '{path}'", error);
        var bytes = await c.Files.Get(buffer, size);
        var text = new StringBuilder();
        var (source, width) = format is null ? (Whole, 1) : (format, 0);
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] == '%' && i + 1 < source.Length)
                text.Append(Field(source[++i]));
            else
                text.Append(source[i]);
        }

        c.Print($"{text}\n");
        return 0;

        string Field(char letter) => letter switch
        {
            'n' => path,
            'i' => Padded(((Number(7) << 32) | (Number(7) >> 32)).ToString("x", CultureInfo.InvariantCulture), 8),
            'l' => Padded(Decimal(8), 7),
            't' => Number(0).ToString("x", CultureInfo.InvariantCulture),
            'T' => TypeName(Number(0)),
            'b' => Padded(Decimal(2), 10),
            'f' => Padded(Decimal(3), 10),
            'a' => Decimal(4),
            's' => Padded(Decimal(1), 10),
            'S' => Decimal(9),
            'c' => Padded(Decimal(5), 10),
            'd' => Decimal(6),
            _ => letter.ToString(),
        };

        string Padded(string value, int columns) => value.PadRight(columns * width);
        string Decimal(int index) => Number(index).ToString(CultureInfo.InvariantCulture);
        ulong Number(int index) => BitConverter.ToUInt64(bytes, index * sizeof(ulong));
    }

    private static string TypeName(ulong magic) => magic switch
    {
        0xadf5 => "adfs",
        0xadff => "affs",
        0x137d => "ext",
        0xef51 => "ext2",
        0xef53 => "ext2/ext3",
        0x3153464a => "jfs",
        0x58465342 => "xfs",
        0xf995e849 => "hpfs",
        0x9660 or 0x4000 or 0x4004 => "isofs",
        0x137f => "minix",
        0x138f => "minix (30 char.)",
        0x2468 => "minix v2",
        0x2478 => "minix v2 (30 char.)",
        0x4d44 => "msdos",
        0x4006 => "fat",
        0x9fa0 => "proc",
        0x62656572 => "sysfs",
        0x01021994 => "tmpfs",
        0x6969 => "nfs",
        0x858458f6 => "ramfs",
        0x28cd3d45 => "cramfs",
        0x5346544e => "ntfs",
        _ => "UNKNOWN",
    };
}
