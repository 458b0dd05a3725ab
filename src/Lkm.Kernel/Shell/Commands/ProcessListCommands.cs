using System.Globalization;
using System.Text;
using System.Text.Json;
using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>Commands that look through the processes of /proc: ps, as busybox prints it, pidof, pgrep, pkill and killall.</summary>
internal static class ProcessListCommands
{
    private const int Terminate = 15; // SIGTERM

    /// <summary>ps [-o COLUMNS]. The words that other systems want for a full list (aux, -ef) ask for what is printed anyway.</summary>
    public static async GuestTask<int> List(CommandContext c)
    {
        var isJson = false;
        string[] columns = ["pid", "user", "args"];
        for (var i = 0; i < c.Arguments.Count; i++)
        {
            if (c.Arguments[i] == "--json")
                isJson = true;
            else if (c.Arguments[i].StartsWith("-o", StringComparison.Ordinal) && (c.Arguments[i].Length > 2 || i + 1 < c.Arguments.Count))
                columns = (c.Arguments[i].Length > 2 ? c.Arguments[i][2..] : c.Arguments[++i]).Split(',');
            else if (c.Arguments[i].TrimStart('-').AsSpan().IndexOfAnyExcept("aAefluwxT") >= 0)
                return await c.Misused();
        }

        if (Array.Find(columns, column => Header(column) is null) is { } unknown)
            return await c.Fail($"bad -o argument '{unknown}', supported arguments: pid,ppid,user,comm,args,stat");
        var (processes, error) = await Read(c);
        if (error != Errno.OK)
            return await c.Fail("can't open '/proc'", error);
        if (processes.Count == 0)
            return await c.Fail("/proc has no processes; mount it with: mount -t proc proc /proc");
        if (isJson)
        {
            c.PrintJson(json => Write(json, processes));
            return 0;
        }

        c.Print(string.Join(' ', columns.Select(Header)).TrimEnd() + "\n");
        foreach (var process in processes)
        {
            var values = new List<string>();
            foreach (var column in columns)
                values.Add(await Value(c, process, column));
            c.Print(string.Join(' ', values).TrimEnd() + "\n");
        }

        return 0;
    }

    /// <summary>pidof [-s] NAME...: the processes with such a name, newest first; -s: that one only.</summary>
    public static async GuestTask<int> PidOf(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "s");
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var (processes, _) = await Read(c);
        var pids = processes.Where(process => options.Operands.Contains(process.Name)).Select(process => $"{process.Pid}").Reverse()
            .Take(options.Has('s') ? 1 : int.MaxValue).ToList();
        if (pids.Count > 0)
            c.Print(string.Join(' ', pids) + "\n");
        return pids.Count > 0 ? 0 : 1;
    }

    /// <summary>pgrep [-x] [-l] PATTERN: the processes whose name has the pattern in it, or is it.</summary>
    public static async GuestTask<int> Find(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "xl");
        if (options.Problem is not null || options.Operands is not [var pattern])
            return await c.Misused(options.Problem);
        var found = await Matching(c, pattern, options.Has('x'));
        foreach (var process in found)
            c.Print(options.Has('l') ? $"{process.Pid} {process.Name}\n" : $"{process.Pid}\n");
        return found.Count > 0 ? 0 : 1;
    }

    /// <summary>pkill [-SIGNAL] [-x] PATTERN.</summary>
    public static async GuestTask<int> KillMatching(CommandContext c)
    {
        if (!TakeSignal(c.Arguments, out var signal, out var arguments))
            return await c.Misused();
        var options = Options.Read(arguments, "x");
        if (options.Problem is not null || options.Operands is not [var pattern])
            return await c.Misused(options.Problem);
        var found = await Matching(c, pattern, options.Has('x'));
        foreach (var process in found)
            await c.Files.Call("kill", (ulong)process.Pid, (ulong)signal);
        return found.Count > 0 ? 0 : 1;
    }

    /// <summary>killall [-SIGNAL] NAME...</summary>
    public static async GuestTask<int> KillAll(CommandContext c)
    {
        if (!TakeSignal(c.Arguments, out var signal, out var names) || names.Count == 0)
            return await c.Misused();
        var (processes, _) = await Read(c);
        var status = 0;
        foreach (var name in names)
        {
            var pids = processes.Where(process => process.Name == name).Select(process => process.Pid).ToList();
            if (pids.Count == 0)
                status = await c.Fail($"{name}: no process killed");
            foreach (var pid in pids)
                await c.Files.Call("kill", (ulong)pid, (ulong)signal);
        }

        return status;
    }

    private static bool TakeSignal(List<string> arguments, out int signal, out List<string> rest)
    {
        (signal, rest) = (Terminate, arguments);
        if (arguments is not [['-', .. var name], ..] || name is "x" or "")
            return true;
        rest = arguments[1..];
        return ProcessCommands.TrySignal(name, out signal);
    }

    private static async GuestTask<List<ProcessStatus>> Matching(CommandContext c, string pattern, bool isExact)
    {
        var own = await c.Files.Call("getpid");
        var (processes, _) = await Read(c);
        return processes.FindAll(process => process.Pid != own && (isExact ? process.Name == pattern : process.Name.Contains(pattern, StringComparison.Ordinal)));
    }

    private static string? Header(string column) => column switch
    {
        "pid" => "PID  ",
        "ppid" => "PPID ",
        "user" => "USER    ",
        "comm" => "COMMAND         ",
        "args" => "COMMAND",
        "stat" => "STAT",
        _ => null,
    };

    private static async GuestTask<string> Value(CommandContext c, ProcessStatus process, string column) => column switch
    {
        "pid" => $"{process.Pid,5}",
        "ppid" => $"{process.Parent,5}",
        "user" => $"{await User(c, process.Pid),-8}",
        "comm" => $"{process.Name,-16}",
        "stat" => $"{process.State,-4}",
        _ => await CommandLine(c, process),
    };

    /// <summary>
    /// The arguments with blanks between them, and the name in braces before them where the shell runs it, as a script; a task that has no arguments, as a
    /// kernel thread, is its name in brackets.
    /// </summary>
    private static async GuestTask<string> CommandLine(CommandContext c, ProcessStatus process)
    {
        var line = await c.Files.ReadFile($"/proc/{process.Pid}/cmdline");
        var text = Encoding.UTF8.GetString(line.Bytes).TrimEnd('\0').Replace('\0', ' ');
        if (text.Length == 0)
            return $"[{process.Name}]";
        return ShellFiles.BaseName(text.Split(' ')[0]) == "sh" && process.Name != "sh" ? $"{{{process.Name}}} {text}" : text;
    }

    private static async GuestTask<uint> User(CommandContext c, int pid) => (await c.Files.Stat($"/proc/{pid}")).Status.User;

    private static async GuestTask<(List<ProcessStatus> Processes, Errno Error)> Read(CommandContext c)
    {
        var processes = new List<ProcessStatus>();
        var (entries, error) = await c.Files.ReadDirectory("/proc");
        var pids = new List<int>();
        foreach (var entry in entries)
        {
            if (int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                pids.Add(pid);
        }

        pids.Sort();
        foreach (var pid in pids)
        {
            var stat = await c.Files.ReadFile($"/proc/{pid}/stat");
            if (stat.Error == Errno.OK && ProcessStatus.TryParse(Encoding.UTF8.GetString(stat.Bytes), out var process))
                processes.Add(process);
        }

        return (processes, error);
    }

    private static void Write(Utf8JsonWriter json, List<ProcessStatus> processes)
    {
        json.WriteStartArray("processes");
        foreach (var process in processes)
        {
            json.WriteStartObject();
            json.WriteNumber("pid", process.Pid);
            json.WriteNumber("parent", process.Parent);
            json.WriteString("state", [process.State]);
            json.WriteString("command", process.Command);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
