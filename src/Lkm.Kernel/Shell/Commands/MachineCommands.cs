using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>What the machine has, and what a process may use of it: nproc, uptime, free, df, taskset, usleep; and mkfifo, mktemp and realpath.</summary>
internal static class MachineCommands
{
    private const int MaskSize = 8;

    public static async GuestTask<int> Processors(CommandContext c)
    {
        var mask = await Affinity(c, 0);
        c.Print($"{Math.Max(1, System.Numerics.BitOperations.PopCount(mask))}\n");
        return 0;
    }

    /// <summary>uptime: from /proc, as busybox has it.</summary>
    public static async GuestTask<int> Uptime(CommandContext c)
    {
        var up = await Fields(c, "/proc/uptime");
        var load = await Fields(c, "/proc/loadavg");
        if (up.Length < 1 || load.Length < 3 || !double.TryParse(up[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds))
            return await c.Fail("/proc cannot be read");
        var time = await c.Files.Take(16);
        await c.Files.Call("clock_gettime", 0, time);
        var now = DateTimeOffset.FromUnixTimeSeconds(BitConverter.ToInt64(await c.Files.Get(time, sizeof(long))));
        var span = TimeSpan.FromSeconds(seconds);
        var days = span.Days == 0 ? "" : span.Days == 1 ? "1 day, " : $"{span.Days} days, ";
        var hours = span.Hours > 0 ? string.Create(CultureInfo.InvariantCulture, $"{span.Hours,2}:{span.Minutes:D2}") : $"{span.Minutes} min";
        c.Print($" {now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} up {days}{hours},  0 users,  load average: {load[0]}, {load[1]}, {load[2]}\n");
        return 0;
    }

    /// <summary>free [-bkmg]: /proc/meminfo in a table.</summary>
    public static async GuestTask<int> Free(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "bkmgh");
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        var read = await c.Files.ReadFile("/proc/meminfo");
        if (read.Error != Errno.OK)
            return await c.Fail("/proc/meminfo", read.Error);
        var values = new Dictionary<string, long>();
        foreach (var line in Encoding.UTF8.GetString(read.Bytes).Split('\n'))
        {
            if (line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries) is [var name, var number, ..])
                values[name] = long.Parse(number, CultureInfo.InvariantCulture);
        }

        var cached = Of("Cached") + Of("SReclaimable");
        var used = Of("MemTotal") - Of("MemFree") - cached - Of("Buffers");
        c.Print("              total        used        free      shared  buff/cache   available\n");
        Row("Mem:", Of("MemTotal"), used, Of("MemFree"), Of("Shmem"), cached + Of("Buffers"), Of("MemAvailable"));
        Row("Swap:", Of("SwapTotal"), Of("SwapTotal") - Of("SwapFree"), Of("SwapFree"));
        return 0;

        long Of(string name) => values.GetValueOrDefault(name);

        void Row(string name, params ReadOnlySpan<long> numbers)
        {
            c.Print($"{name,-7}");
            foreach (var number in numbers)
                c.Print($"{Scaled(number),12}");
            c.Print("\n");
        }

        long Scaled(long kilobytes) =>
            options.Has('b') ? kilobytes << 10 : options.Has('m') || options.Has('h') ? kilobytes >> 10 : options.Has('g') ? kilobytes >> 20 : kilobytes;
    }

    /// <summary>df [-kmh] [PATH]...: what file systems hold, by statfs(2).</summary>
    public static async GuestTask<int> DiskFree(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "kmahPT");
        if (options.Problem is not null)
            return await c.Misused(options.Problem);
        var mounts = Encoding.UTF8.GetString((await c.Files.ReadFile("/proc/self/mounts")).Bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ')).Where(fields => fields.Length > 2).ToList();
        var unit = options.Has('m') || options.Has('h') ? 1 << 20 : 1 << 10;
        c.Print($"{"Filesystem",-20} {(unit == 1 << 20 ? "1M-blocks" : "1K-blocks"),9}      Used Available Use% Mounted on\n");
        var status = 0;
        foreach (var path in options.Operands.Count > 0 ? options.Operands : [.. mounts.Select(fields => fields[1])])
        {
            // struct statfs: f_type, f_bsize, f_blocks, f_bfree, f_bavail, each of 8 bytes, and more.
            var buffer = await c.Files.Take(120);
            var error = await c.Files.CallPath("statfs", path, buffer);
            if (error != Errno.OK)
            {
                status = await c.Fail(path, error);
                continue;
            }

            var fields = await c.Files.Get(buffer, 40);
            var (block, all, free, available) = (Field(1), Field(2), Field(3), Field(4));
            if (all == 0 && options.Operands.Count == 0 && !options.Has('a'))
                continue;
            var mount = mounts.FindLast(entry => Holds(entry[1], path));
            if (mount is null)
            {
                status = await c.Fail($"{path}: can't find mount point");
                continue;
            }

            var used = all - free;
            var percent = used + available == 0 ? 0 : ((used * 100) + ((used + available) / 2)) / (used + available);
            c.Print($"{mount[0],-20} {all * block / unit,9} {used * block / unit,9} {available * block / unit,9} {percent,3}% {mount[1]}\n");

            long Field(int index) => BitConverter.ToInt64(fields, index * sizeof(long));
        }

        return status;

        static bool Holds(string mount, string path) =>
            mount == "/" || path == mount || path.StartsWith(mount + "/", StringComparison.Ordinal);
    }

    /// <summary>taskset [-p] [MASK] PID|COMMAND...: sched_setaffinity(2).</summary>
    public static async GuestTask<int> SetAffinity(CommandContext c)
    {
        var own = c.Arguments.TakeWhile(word => word.StartsWith('-')).Count();
        var options = Options.Read(c.Arguments[..own], "pca");
        var words = c.Arguments[own..];
        if (options.Problem is not null || words.Count == 0)
            return await c.Misused(options.Problem);
        var pid = 0;
        if (options.Has('p') && !int.TryParse(words[^1], NumberStyles.None, CultureInfo.InvariantCulture, out pid))
            return await c.Fail($"invalid number '{words[^1]}'");
        if (options.Has('p'))
            c.Print($"pid {pid}'s current affinity {(options.Has('c') ? "list" : "mask")}: {Shown(await Affinity(c, pid))}\n");
        if (options.Has('p') && words.Count == 1)
            return 0;
        if (!TryMask(words[0], options.Has('c'), out var mask))
            return await c.Fail($"bad {(options.Has('c') ? "affinity" : "mask")} '{words[0]}'");
        var bytes = new byte[MaskSize];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, mask);
        var error = ShellFiles.ErrorOf(await c.Files.Call("sched_setaffinity", (ulong)pid, MaskSize, await c.Files.Process.Put(bytes)));
        if (error != Errno.OK)
            return await c.Fail($"can't set pid {pid}'s affinity", error);
        if (!options.Has('p'))
            return words.Count > 1 ? await c.Shell.Run(c.Files.Process, words[1..], c.Streams) : await c.Misused();
        c.Print($"pid {pid}'s new affinity {(options.Has('c') ? "list" : "mask")}: {Shown(await Affinity(c, pid))}\n");
        return 0;

        string Shown(ulong set) => options.Has('c') ? $"{System.Numerics.BitOperations.TrailingZeroCount(set)}" : $"{set:x}";
    }

    public static async GuestTask<int> SleepMicroseconds(CommandContext c) =>
        c.Arguments is [var text] && Numbers.TryUnsigned(text, out var microseconds) && microseconds < int.MaxValue
            ? await ProcessCommands.Sleep(c.Files.Process, microseconds / 1_000_000m) == Errno.OK ? 0 : 1
            : await c.Misused();

    /// <summary>mkfifo [-m MODE] NAME...: named pipes.</summary>
    public static async GuestTask<int> MakePipe(CommandContext c)
    {
        const uint pipe = 0x1000; // S_IFIFO
        var options = Options.Read(c.Arguments, "m:");
        uint mode = 0x1b6;
        if (options.Problem is not null || options.Operands.Count == 0 || (options.Value('m') is { } text && !Numbers.TryOctal(text, out mode)))
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var path in options.Operands)
        {
            if (await c.Files.CallPath("mknod", path, pipe | mode) is var error and not Errno.OK)
                status = await c.Fail(path, error);
        }

        return status;
    }

    /// <summary>mktemp [-d] [TEMPLATE]: a new file, or directory, in which random letters stand for the last six X.</summary>
    public static async GuestTask<int> MakeTemporary(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "dp:t");
        var template = options.Operands is [var given] ? given : "/tmp/tmp.XXXXXX";
        if (options.Problem is not null || options.Operands.Count > 1 || !template.EndsWith("XXXXXX", StringComparison.Ordinal))
            return await c.Misused(options.Problem);
        var random = await c.Files.Take(6);
        await c.Files.Call("getrandom", random, 6, 0);
        var letters = (await c.Files.Get(random, 6)).Select(b => "abcdefghijklmnopqrstuvwxyzABCDEF"[b % 32]);
        var path = template[..^6] + string.Concat(letters);
        if (options.Has('d'))
        {
            if (await c.Files.CallPath("mkdir", path, 0x1c0) is var error and not Errno.OK)
                return await c.Fail(path, error);
        }
        else
        {
            var descriptor = await c.Files.Open(path, OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.ReadWrite, 0x180);
            if (descriptor < 0)
                return await c.Fail(path, (Errno)(-descriptor));
            await c.Files.Close(descriptor);
        }

        c.Print(path + "\n");
        return 0;
    }

    /// <summary>realpath PATH...: without symbolic links, as the kernel names what it has opened.</summary>
    public static async GuestTask<int> RealPath(CommandContext c)
    {
        const OpenFlags pathOnly = (OpenFlags)0x200000; // O_PATH
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var status = 0;
        foreach (var path in c.Arguments)
        {
            var descriptor = await c.Files.Open(path, pathOnly);
            if (descriptor < 0)
            {
                status = await c.Fail(path, (Errno)(-descriptor));
                continue;
            }

            const int most = 4096;
            var link = await c.Files.Put($"/proc/self/fd/{descriptor}");
            var buffer = await c.Files.Take(most);
            var length = await c.Files.Call("readlink", link, buffer, most);
            c.Print(Encoding.UTF8.GetString(await c.Files.Get(buffer, (int)Math.Max(0, length))) + "\n");
            await c.Files.Close(descriptor);
        }

        return status;
    }

    private static async GuestTask<ulong> Affinity(CommandContext c, int pid)
    {
        var buffer = await c.Files.Take(MaskSize);
        return await c.Files.Call("sched_getaffinity", (ulong)pid, MaskSize, buffer) < 0 ? 0 : BitConverter.ToUInt64(await c.Files.Get(buffer, MaskSize));
    }

    /// <summary>Reads a hexadecimal mask, or a list as 0,2-3.</summary>
    private static bool TryMask(string text, bool isList, out ulong mask)
    {
        mask = 0;
        if (!isList)
            return ulong.TryParse(text.StartsWith("0x", StringComparison.Ordinal) ? text[2..] : text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out mask);
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last) || last > 63)
                return false;
            for (var cpu = first; cpu <= last; cpu++)
                mask |= 1UL << cpu;
        }

        return true;
    }

    private static async GuestTask<string[]> Fields(CommandContext c, string path) =>
        Encoding.UTF8.GetString((await c.Files.ReadFile(path)).Bytes).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
