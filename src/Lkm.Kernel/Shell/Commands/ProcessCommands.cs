using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands about processes and the session: kill, sleep, id, pwd, cd, uname, sync, true, false, exit, help.</summary>
internal static class ProcessCommands
{
    private static readonly string[] Signals =
    [
        "EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    public static async GuestTask<int> Kill(CommandContext c)
    {
        var arguments = c.Arguments;
        if (arguments is ["-l"])
        {
            for (var i = 1; i < Signals.Length; i++)
                c.Print($"{i,2}) {Signals[i]}\n");
            return 0;
        }

        var signal = Array.IndexOf(Signals, "TERM");
        if (arguments is ["-s", var name, ..])
        {
            if (!TrySignal(name, out signal))
                return await c.Fail($"invalid signal '{name}'");
            arguments = arguments[2..];
        }
        else if (arguments is [['-', .. { Length: > 0 } text], ..] && text != "-")
        {
            if (!TrySignal(text, out signal))
                return await c.Fail($"invalid signal '{text}'");
            arguments = arguments[1..];
        }

        if (arguments is ["--", ..])
            arguments = arguments[1..];
        if (arguments.Count == 0)
            return await c.Fail("you need to specify whom to kill");
        var status = 0;
        foreach (var text in arguments)
        {
            if (!TryProcess(c, text, out var pid))
            {
                if (text.StartsWith('%'))
                {
                    await c.PrintError($"sh: kill: line 1: {text}: no such job\n");
                    return 2;
                }

                status = await c.Fail($"invalid number '{text}'");
            }
            else if (ShellFiles.ErrorOf(await c.Files.Call("kill", (ulong)pid, (ulong)signal)) is var error and not Errno.OK)
                status = await c.Fail($"can't kill pid {pid}", error);
        }

        return status;
    }

    /// <summary>wait [PID...]: for processes that the line has started in the background; for all of them without a pid.</summary>
    public static async GuestTask<int> Wait(CommandContext c)
    {
        if (c.Files.Process is not IForks forks)
            return await c.Fail("can't wait", Errno.ENOSYS);
        const int notOurs = 127;
        var status = 0;
        foreach (var text in c.Arguments.Count > 0 ? c.Arguments : [.. c.Shell.Children.Select(job => $"{job}")])
        {
            if (!TryProcess(c, text, out var pid))
                return await c.Fail($"invalid number '{text}'");
            if (!c.Shell.Children.Contains(pid))
            {
                status = notOurs;
                continue;
            }

            var end = await forks.AwaitEnd(pid);
            status = c.Arguments.Count > 0 ? end.Status : 0;
            if (end.Message is { } message)
                await c.PrintError(message + "\n");
        }

        return status;
    }

    /// <summary>A pid, or %N for the line's Nth process in the background.</summary>
    private static bool TryProcess(CommandContext c, string text, out int pid)
    {
        if (text is not ['%', .. var number])
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out pid);
        pid = 0;
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var job) || job < 1 || job > c.Shell.Jobs.Count)
            return false;
        pid = c.Shell.Jobs[job - 1];
        return true;
    }

    public static async GuestTask<int> Sleep(CommandContext c)
    {
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var total = 0m;
        foreach (var text in c.Arguments)
        {
            if (!TryDuration(text, out var seconds))
                return await c.Fail($"invalid number '{text}'");
            total += seconds;
        }

        var error = await Sleep(c.Files.Process, total);
        return error == Errno.OK ? 0 : await c.Fail("interrupted", error);
    }

    /// <summary>Lets a process sleep.</summary>
    internal static async GuestTask<Errno> Sleep(ISystemCalls process, decimal seconds)
    {
        var request = new byte[16];
        BitConverter.TryWriteBytes(request, (long)seconds);
        BitConverter.TryWriteBytes(request.AsSpan(8), (long)((seconds % 1) * 1_000_000_000));
        return ShellFiles.ErrorOf(await process.SystemCall("nanosleep", await process.Put(request)));
    }

    /// <summary>Reads a number of seconds, or of minutes, hours or days (m, h, d).</summary>
    internal static bool TryDuration(string text, out decimal seconds)
    {
        seconds = 0;
        if (text.Length == 0)
            return false;
        var unit = text[^1] switch { 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 1 };
        var number = unit > 1 || text.EndsWith('s') ? text[..^1] : text;
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) || seconds > int.MaxValue)
            return false;
        seconds *= unit;
        return true;
    }

    public static async GuestTask<int> Id(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "ugn");
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        var user = await c.Files.Call("getuid");
        var group = await c.Files.Call("getgid");
        if (!options.Has('u') && !options.Has('g'))
            c.Print($"uid={user}{Root(user)} gid={group}{Root(group)}\n");
        else
            c.Print((options.Has('u') ? user : group) is var id && options.Has('n') && id == 0 ? "root\n" : $"{(options.Has('u') ? user : group)}\n");
        return 0;

        static string Root(long id) => id == 0 ? "(root)" : "";
    }

    public static async GuestTask<int> WorkingDirectory(CommandContext c)
    {
        var (path, error) = await c.Files.WorkingDirectory();
        if (error != Errno.OK)
            return await c.Fail("getcwd", error);
        c.Print(path + "\n");
        return 0;
    }

    public static async GuestTask<int> ChangeDirectory(CommandContext c)
    {
        if (c.Arguments.Count > 1)
            return await c.Misused();
        var path = c.Arguments is [var given] ? given : "/";
        var error = await c.Files.CallPath("chdir", path);
        if (error != Errno.OK)
            return await c.Fail($"can't cd to {path}", error);
        if (await c.Files.WorkingDirectory() is (var directory, Errno.OK))
            c.Shell.Directory = directory;
        return 0;
    }

    public static async GuestTask<int> SystemName(CommandContext c)
    {
        const string kernel = "snrvm", machine = "pi", system = "o"; // -p and -i tell of hardware, which busybox does not know
        var options = Options.Read(c.Arguments, "a" + kernel + machine + system);
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);

        // struct new_utsname: six strings of 65 bytes, the domain name last.
        const int fieldLength = 65, structLength = 6 * fieldLength;
        var buffer = await c.Files.Take(structLength);
        if (ShellFiles.ErrorOf(await c.Files.Call("newuname", buffer)) is var error and not Errno.OK)
            return await c.Fail("uname", error);
        var names = await c.Files.Get(buffer, structLength);
        var words = new List<string>();
        for (var i = 0; i < kernel.Length; i++)
        {
            if (!options.Has('a') && !options.Has(kernel[i]) && !(i == 0 && c.Arguments.Count == 0))
                continue;
            var field = names.AsSpan(i * fieldLength, fieldLength);
            words.Add(Encoding.UTF8.GetString(field[..field.IndexOf((byte)0)]));
        }

        words.AddRange(machine.Where(options.Has).Select(_ => "unknown"));
        if (options.Has('a') || options.Has(system[0]))
            words.Add("GNU/Linux");
        c.Print(string.Join(' ', words) + "\n");
        return 0;
    }

    public static async GuestTask<int> Sync(CommandContext c)
    {
        await c.Files.Call("sync");
        return 0;
    }

    public static GuestTask<int> Succeed(CommandContext c) => GuestTask<int>.FromResult(0);

    public static GuestTask<int> DoNotSucceed(CommandContext c) => GuestTask<int>.FromResult(1);

    public static async GuestTask<int> Exit(CommandContext c)
    {
        var status = c.Shell.LastStatus;
        if (c.Arguments.Count > 1 || (c.Arguments.Count == 1 && !int.TryParse(c.Arguments[0], out status)))
            return await c.Misused();
        c.Shell.Exit();
        return status;
    }

    public static async GuestTask<int> Help(CommandContext c)
    {
        if (c.Arguments.Count == 0)
        {
            foreach (var command in CommandTable.All)
                c.Print($"{command.Usage,-52} {command.Summary}\n");
            c.Print("Words are quoted with ' \" and \\; | && || ; connect commands; < > >> 2> redirect; * ? [ ] match files; # begins a comment;\n"
                + "$NAME ${NAME} $? $(LINE) $((SUM)); for NAME in WORDS; do ...; done; while and until ...; do ...; done; if ...; then ...; else ...; fi; { } and ( ).\n");
            return 0;
        }

        foreach (var name in c.Arguments)
        {
            if (CommandTable.Find(name) is not { } command)
                return await c.Fail($"no command is named {name}");
            c.Print($"{command.Usage}\n    {command.Summary}\n");
        }

        return 0;
    }

    internal static bool TrySignal(string text, out int signal)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out signal))
            return signal <= 64;
        var name = text.ToUpperInvariant();
        signal = Array.IndexOf(Signals, name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name);
        return signal >= 0;
    }
}
