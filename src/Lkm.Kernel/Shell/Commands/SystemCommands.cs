using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands about the machine and its users: date, hostname, whoami, which, chown, su.</summary>
internal static class SystemCommands
{
    private const string DefaultDate = "%a %b %e %H:%M:%S UTC %Y";
    private const uint Nobody = 65534;

    /// <summary>date [+FORMAT]: the kernel's time, as UTC.</summary>
    public static async GuestTask<int> Date(CommandContext c)
    {
        var arguments = c.Arguments.Where(word => word != "-u").ToList();
        if (arguments is not ([] or [['+', ..]]))
            return await c.Misused();
        const int size = 16;
        var time = await c.Files.Take(size);
        if (ShellFiles.ErrorOf(await c.Files.Call("clock_gettime", 0, time)) is var error and not Errno.OK)
            return await c.Fail("can't read the clock", error);
        var bytes = await c.Files.Get(time, size);
        var (seconds, nanoseconds) = (BitConverter.ToInt64(bytes), BitConverter.ToInt64(bytes, sizeof(long)));
        c.Print(Format(arguments is [var format] ? format[1..] : DefaultDate, seconds, nanoseconds) + "\n");
        return 0;
    }

    public static async GuestTask<int> HostName(CommandContext c)
    {
        if (c.Arguments is [var name])
        {
            var text = Encoding.UTF8.GetBytes(name);
            var error = ShellFiles.ErrorOf(await c.Files.Call("sethostname", await c.Files.Process.Put(text), (ulong)text.Length));
            return error == Errno.OK ? 0 : await c.Fail("sethostname", error);
        }

        if (c.Arguments.Count > 0)
            return await c.Misused();
        var read = await c.Files.ReadFile("/proc/sys/kernel/hostname");
        if (read.Error != Errno.OK)
            return await c.Fail("/proc/sys/kernel/hostname", read.Error);
        c.Print(read.Bytes);
        return 0;
    }

    public static async GuestTask<int> WhoAmI(CommandContext c)
    {
        var user = await c.Files.Call("geteuid");
        c.Print(user switch { 0 => "root\n", Nobody => "nobody\n", _ => $"{user}\n" });
        return 0;
    }

    public static async GuestTask<int> Which(CommandContext c)
    {
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var status = 0;
        foreach (var name in c.Arguments)
        {
            if (CommandTable.IsFile(name))
                c.Print($"/bin/{name}\n");
            else
                status = 1;
        }

        return status;
    }

    public static async GuestTask<int> ChangeOwner(CommandContext c)
    {
        if (c.Arguments is not [var owner, _, ..] || owner.Split(':', '.') is not { Length: <= 2 } parts
            || !TryUser(parts[0], out var user) || !TryUser(parts.Length == 2 ? parts[1] : "", out var group))
            return await c.Misused();
        return await SetOwners(c, user, group);
    }

    /// <summary>chgrp GROUP PATH...</summary>
    public static async GuestTask<int> ChangeGroup(CommandContext c)
    {
        if (c.Arguments is not [var name, _, ..])
            return await c.Misused();
        return TryUser(name, out var group) ? await SetOwners(c, uint.MaxValue, group) : await c.Fail($"unknown group {name}");
    }

    private static async GuestTask<int> SetOwners(CommandContext c, uint user, uint group)
    {
        var status = 0;
        foreach (var path in c.Arguments.Skip(1))
        {
            if (await c.Files.CallPath("chown", path, user, group) is var error and not Errno.OK)
                status = await c.Fail(path, error);
        }

        return status;
    }

    /// <summary>su [USER] -c LINE: a line in a process of another user, with that user's group alone and without root's capabilities.</summary>
    public static async GuestTask<int> SwitchUser(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "c:s:l");
        if (options.Problem is not null || options.Value('c') is not { } line || options.Operands.Count > 1)
            return await c.Misused(options.Problem);
        var name = options.Operands is [var given] ? given : "root";
        if (!TryUser(name, out var user) || user == uint.MaxValue)
            return await c.Fail($"unknown user {name}");
        foreach (var (call, first, second) in ((string, ulong, ulong)[])[("setgroups", 0, 0), ("setgid", user, 0), ("setuid", user, 0)])
        {
            if (ShellFiles.ErrorOf(await c.Files.Call(call, first, second)) is var error and not Errno.OK)
                return await c.Fail($"can't set {(call == "setuid" ? "user" : "group")} id", error);
        }

        return await c.Shell.Subshell().Run(c.Files.Process, line, c.Streams);
    }

    /// <summary>A user or group by name or number; none is -1, which changes nothing.</summary>
    private static bool TryUser(string text, out uint id)
    {
        id = text switch { "" => uint.MaxValue, "root" => 0, "nobody" or "nogroup" => Nobody, _ => 0 };
        return text is "" or "root" or "nobody" or "nogroup" || uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id);
    }

    /// <summary>strftime(3), as far as it does not depend on a locale.</summary>
    private static string Format(string format, long seconds, long nanoseconds)
    {
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            text.Append(format[++i] switch
            {
                'Y' => Part("yyyy"),
                'y' => Part("yy"),
                'm' => Part("MM"),
                'd' => Part("dd"),
                'e' => $"{time.Day,2}",
                'H' => Part("HH"),
                'I' => Part("hh"),
                'M' => Part("mm"),
                'S' => Part("ss"),
                'p' => Part("tt"),
                'a' => Part("ddd"),
                'A' => Part("dddd"),
                'b' or 'h' => Part("MMM"),
                'B' => Part("MMMM"),
                'j' => $"{time.DayOfYear:D3}",
                'u' => $"{(time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek)}",
                'w' => $"{(int)time.DayOfWeek}",
                's' => $"{seconds}",
                'N' => $"{nanoseconds:D9}",
                'F' => Part("yyyy-MM-dd"),
                'T' => Part("HH:mm:ss"),
                'R' => Part("HH:mm"),
                'D' => Part("MM'/'dd'/'yy"),
                'c' => Format("%a %b %e %H:%M:%S %Y", seconds, nanoseconds),
                'Z' => "UTC",
                'z' => "+0000",
                'n' => "\n",
                't' => "\t",
                '%' => "%",
                var other => $"%{other}",
            });
        }

        return text.ToString();

        string Part(string letters) => time.ToString(letters, CultureInfo.InvariantCulture);
    }
}
