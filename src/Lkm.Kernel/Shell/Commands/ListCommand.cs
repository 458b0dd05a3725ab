using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>ls, one name a line.</summary>
internal static class ListCommand
{
    private const long HalfYear = 31556952 / 2;

    public static async GuestTask<int> Run(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "laAdi1nR");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var status = 0;
        var files = new List<Entry>();
        var directories = new List<Entry>();
        foreach (var path in options.Operands.Count == 0 ? ["."] : options.Operands)
        {
            var (stat, error) = await c.Files.Stat(path, follow: !IsLong(options) && !options.Has('d'));
            if (error == Errno.ENOENT && !IsLong(options))
                (stat, error) = await c.Files.Stat(path, follow: false);
            if (error != Errno.OK)
                status = await c.Fail(path, error);
            else
                (stat.Type == FileType.Directory && !options.Has('d') ? directories : files).Add(new Entry(path, path, stat));
        }

        files.Sort(ByName);
        directories.Sort(ByName);
        var look = new Look(await Now(c), await Names(c, options, "/etc/passwd"), await Names(c, options, "/etc/group"));
        await Print(c, options, files, look);
        var hasTitles = options.Operands.Count > 1 || options.Has('R');
        var isFirst = files.Count == 0;
        directories.Reverse();
        for (var waiting = new Stack<Entry>(directories); waiting.TryPop(out var directory);)
        {
            if (hasTitles)
                c.Print($"{(isFirst ? "" : "\n")}{directory.Path}:\n");
            isFirst = false;
            var (entries, gone, error) = await ReadDirectory(c, options, directory.Path);
            status |= gone;
            if (error != Errno.OK)
                status = await c.Fail(directory.Path, error);
            if (IsLong(options))
                c.Print($"total {entries.Sum(e => e.Status.Blocks) / 2}\n");
            await Print(c, options, entries, look);
            for (var i = entries.Count - 1; options.Has('R') && i >= 0; i--)
            {
                if (entries[i].Status.Type == FileType.Directory && entries[i].Name is not ("." or ".."))
                    waiting.Push(entries[i]);
            }
        }

        return status;
    }

    private static int ByName(Entry a, Entry b) => string.CompareOrdinal(a.Path, b.Path);

    private static bool IsLong(Options options) => options.Has('l') || options.Has('n');

    private static async GuestTask<(List<Entry> Entries, int Status, Errno Error)> ReadDirectory(CommandContext c, Options options, string path)
    {
        var entries = new List<Entry>();
        var (names, error) = await c.Files.ReadDirectory(path);
        var status = 0;
        foreach (var (name, _) in names)
        {
            if (name.StartsWith('.') && !options.Has('a') && (!options.Has('A') || name is "." or ".."))
                continue;
            var full = ShellFiles.Combine(path, name);
            var (stat, gone) = await c.Files.Stat(full, follow: false); // busybox asks whatever it is to print
            if (gone == Errno.OK)
                entries.Add(new Entry(name, full, stat));
            else
                status = await c.Fail(full, gone);
        }

        entries.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return (entries, status, error);
    }

    private static async GuestTask Print(CommandContext c, Options options, List<Entry> entries, Look look)
    {
        foreach (var entry in entries)
        {
            if (options.Has('i'))
                c.Print($"{entry.Status.Inode,7} ");
            if (IsLong(options))
                c.Print(LongFormat(entry.Status, look));
            c.Print(entry.Name);
            if (IsLong(options) && entry.Status.Type == FileType.Link)
                c.Print(" -> " + (await c.Files.ReadLink(entry.Path)).Target);
            c.Print("\n");
            await c.FlushIfLong();
        }
    }

    private static string LongFormat(FileStatus status, Look look)
    {
        var line = new StringBuilder($"{status.ModeText} {status.Links,4} {look.Users.GetValueOrDefault(status.User) ?? $"{status.User}",-8} {look.Groups.GetValueOrDefault(status.Group) ?? $"{status.Group}",-8} ");
        if (status.Type is FileType.CharacterDevice or FileType.BlockDevice)
            line.Append($"{DeviceNumber.Major(status.RawDevice),4},{DeviceNumber.Minor(status.RawDevice),4} ");
        else
            line.Append($"{status.Size,9} ");
        var date = status.Modified.Date;
        var isRecent = status.Modified.Seconds <= look.Now && status.Modified.Seconds > look.Now - HalfYear;
        var culture = CultureInfo.InvariantCulture;
        line.Append(date.ToString("MMM ", culture)).Append($"{date.Day,2} ");
        return line.Append(isRecent ? date.ToString("HH:mm", culture) : $"{date.Year,5}").Append(' ').ToString();
    }

    /// <summary>The names of users or groups (passwd(5), group(5)), of which each line begins with NAME:PASSWORD:NUMBER; cut as busybox cuts them.</summary>
    private static async GuestTask<Dictionary<uint, string>> Names(CommandContext c, Options options, string path)
    {
        const int columns = 8;
        var names = new Dictionary<uint, string>();
        if (!options.Has('l') || options.Has('n'))
            return names;
        foreach (var line in Encoding.UTF8.GetString((await c.Files.ReadFile(path)).Bytes).Split('\n'))
        {
            if (line.Split(':') is [var name, _, var number, ..] && uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                names.TryAdd(id, name.Length > columns ? name[..columns] : name);
        }

        return names;
    }

    private static async GuestTask<long> Now(CommandContext c)
    {
        const ulong realtime = 0;
        var time = await c.Files.Take(16);
        await c.Files.Call("clock_gettime", realtime, time);
        return BinaryPrimitives.ReadInt64LittleEndian(await c.Files.Get(time, 8));
    }

    /// <summary>What a long listing is made with: the time, and the names of users and groups.</summary>
    private readonly record struct Look(long Now, Dictionary<uint, string> Users, Dictionary<uint, string> Groups);

    private readonly record struct Entry(string Name, string Path, FileStatus Status);
}
