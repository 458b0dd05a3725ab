using System.Globalization;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>stat.</summary>
internal static class StatCommand
{
    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "fLc:");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (options.Has('f'))
            {
                status = Math.Max(status, await FileSystemStatus.Print(c, path, options.Value('c')));
                continue;
            }

            var (stat, error) = await c.Files.Stat(path, options.Has('L'));
            if (error != Errno.OK)
            {
                status = await c.Fail($"can't stat '{path}'", error);
                continue;
            }

            if (options.Value('c') is { } format)
            {
                c.Print(Format(format, path, stat) + "\n");
                continue;
            }

            var target = stat.Type == FileType.Link ? $" -> {(await c.Files.ReadLink(path)).Target}" : "";
            c.Print(Format(path + target, stat));
        }

        return status;
    }

    private static string Format(string name, FileStatus s)
    {
        var links = s.Type is FileType.CharacterDevice or FileType.BlockDevice
            ? $"{s.Links,-5} Device type: {DeviceNumber.Major(s.RawDevice):x},{DeviceNumber.Minor(s.RawDevice):x}"
            : $"{s.Links}";
        return $"""
              File: {name}
              Size: {s.Size,-10}{"\t"}Blocks: {s.Blocks,-10} IO Block: {s.BlockSize,-6} {TypeName(s)}
            Device: {s.Device:x}h/{s.Device}d{"\t"}Inode: {s.Inode,-10}  Links: {links}
            Access: ({Convert.ToString(s.Permissions, 8).PadLeft(4, '0')}/{s.ModeText})  Uid: {Id(s.User)}   Gid: {Id(s.Group)}
            Access: {Time(s.Accessed)}
            Modify: {Time(s.Modified)}
            Change: {Time(s.Changed)}

            """;
    }

    /// <summary>-c: %n name, %s size, %a and %A mode, %f raw mode, %F type, %t and %T device number, %i inode, %h links, %u %g %U %G owner, times.</summary>
    private static string Format(string format, string name, FileStatus s)
    {
        var text = new System.Text.StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            text.Append(format[++i] switch
            {
                'n' or 'N' => name,
                's' => $"{s.Size}",
                'a' => Convert.ToString(s.Permissions, 8),
                'A' => s.ModeText,
                'f' => $"{s.Mode:x}",
                'F' => TypeName(s),
                't' => $"{DeviceNumber.Major(s.RawDevice):x}",
                'T' => $"{DeviceNumber.Minor(s.RawDevice):x}",
                'i' => $"{s.Inode}",
                'h' => $"{s.Links}",
                'b' => $"{s.Blocks}",
                'B' => "512",
                'o' => $"{s.BlockSize}",
                'd' => $"{s.Device}",
                'D' => $"{s.Device:x}",
                'u' => $"{s.User}",
                'g' => $"{s.Group}",
                'U' => s.User == 0 ? "root" : "UNKNOWN",
                'G' => s.Group == 0 ? "root" : "UNKNOWN",
                'X' => $"{s.Accessed.Seconds}",
                'Y' => $"{s.Modified.Seconds}",
                'Z' => $"{s.Changed.Seconds}",
                'x' => Time(s.Accessed),
                'y' => Time(s.Modified),
                'z' => Time(s.Changed),
                '%' => "%",
                var other => $"%{other}",
            });
        }

        return text.ToString();
    }

    private static string Id(uint id) => $"({id,5}/{(id == 0 ? "root" : "UNKNOWN"),8})";

    private static string Time(FileTime time) =>
        $"{time.Date.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)}.{time.Nanoseconds:d9} +0000";

    private static string TypeName(FileStatus status) => status.Type switch
    {
        FileType.Regular => status.Size == 0 ? "regular empty file" : "regular file",
        FileType.Directory => "directory",
        FileType.CharacterDevice => "character special file",
        FileType.BlockDevice => "block special file",
        FileType.Link => "symbolic link",
        FileType.Pipe => "fifo",
        FileType.Socket => "socket",
        _ => "weird file",
    };
}
