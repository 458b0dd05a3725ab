using System.Globalization;
using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Shell.Streams;
using Lkm.Kernel.Shell.Syntax;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>insmod, rmmod, modprobe, lsmod, modinfo and ksyms, with kmod's output.</summary>
internal static class ModuleCommands
{
    public static async GuestTask<int> Insert(CommandContext c)
    {
        if (c.Arguments.Count == 0)
            return await c.Misused();
        var file = c.Arguments[0];
        var outcome = await c.Shell.Modules.Insert(c.Shell.HostPath(file), Parameters(c.Arguments[1..]));
        return await Report(c, outcome, $"could not insert module {file}", Message(outcome.Error));
    }

    public static async GuestTask<int> Remove(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "f", ("force", 'f'));
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var given in options.Operands)
        {
            var name = Normalise(given);
            if (!options.Has('f') && await WhyItStays(c, name) is { } reason)
            {
                status = await c.Fail($"ERROR: Module {name} {reason}");
                continue;
            }

            var outcome = await c.Shell.Modules.Remove(name, options.Has('f'));
            status |= await Report(c, outcome, $"could not remove module {name}", outcome.Error.Message());
        }

        return status;
    }

    public static async GuestTask<int> Probe(CommandContext c)
    {
        // What follows the name are parameters, whatever they begin with.
        var removes = false;
        var first = 0;
        for (; first < c.Arguments.Count && c.Arguments[first].StartsWith('-'); first++)
        {
            if (c.Arguments[first] is not ("-r" or "--remove"))
                return await c.Misused($"unrecognized option '{c.Arguments[first]}'");
            removes = true;
        }

        var words = c.Arguments[first..];
        if (words.Count == 0)
            return await c.Misused();
        var status = 0;
        foreach (var name in removes ? words : words[..1])
        {
            var outcome = removes
                ? await c.Shell.Modules.ProbeRemove(name)
                : await c.Shell.Modules.Probe(name, Parameters(words[1..]));
            if (outcome.NoSuchModule)
                status = await c.Fail($"FATAL: {outcome.Explanation}");
            else
                status |= await Report(c, outcome, $"could not {(removes ? "remove" : "insert")} '{name}'", ProbeMessage(outcome.Error));
        }

        return status;
    }

    public static async GuestTask<int> List(CommandContext c)
    {
        var (modules, error) = await LoadedModules(c);
        if (error != Errno.OK)
            return await c.Fail("can't open '/proc/modules'", error);
        c.Print("Module                  Size  Used by\n");
        foreach (var module in modules)
        {
            var users = module.Users.Length > 0 ? " " + string.Join(',', module.Users) : "";
            c.Print($"{module.Name,-19} {module.Size,8}  {module.Count}{users}\n");
        }

        return 0;
    }

    public static async GuestTask<int> Describe(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "F:", ("field", 'F'));
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var status = 0;
        foreach (var given in options.Operands)
        {
            var isFile = given.Contains('/') || given.EndsWith(".ko", StringComparison.Ordinal);
            if (c.Shell.Modules.Describe(isFile ? c.Shell.HostPath(given) : given) is not { } fields)
            {
                status = await c.Fail($"ERROR: Module {given} not found.");
                continue;
            }

            foreach (var (field, value) in fields)
            {
                if (options.Value('F') is not { } wanted)
                    c.Print($"{field + ":",-16}{value}\n");
                else if (wanted == field)
                    c.Print(value + "\n");
            }
        }

        return status;
    }

    public static async GuestTask<int> Symbols(CommandContext c)
    {
        if (c.Arguments.Count > 1)
            return await c.Misused();
        var pattern = c.Arguments is [var given] ? given : "*";
        if (!Wildcard.IsPattern(pattern))
            pattern = $"*{pattern}*";
        var descriptor = await c.Files.Open("/proc/kallsyms", OpenFlags.ReadOnly);
        if (descriptor < 0)
            return await c.Fail("can't open '/proc/kallsyms'", (Errno)(-descriptor));
        var rest = "";
        ReadResult read;
        while (!(read = await c.Files.Read(descriptor, c.Files.Process.BufferLength)).IsEnd && !c.OutputFailed)
        {
            var lines = (rest + Encoding.UTF8.GetString(read.Bytes)).Split('\n');
            rest = lines[^1];
            foreach (var line in lines[..^1])
            {
                if (Wildcard.Matches(pattern, SymbolName(line)))
                    c.Print(line + "\n");
            }

            await c.FlushIfLong();
        }

        await c.Files.Close(descriptor);
        return read.Error == Errno.OK ? 0 : await c.Fail("read error", read.Error);
    }

    /// <summary>kmod's own texts for what insmod meets.</summary>
    private static string Message(Errno error) => error switch
    {
        Errno.ENOEXEC => "Invalid module format",
        Errno.ENOENT => "Unknown symbol in module",
        Errno.ESRCH => "Module has wrong symbol version",
        Errno.EINVAL => "Invalid parameters",
        _ => error.Message(),
    };

    /// <summary>kmod's own texts for what modprobe meets.</summary>
    private static string ProbeMessage(Errno error) => error switch
    {
        Errno.EEXIST => "Module already in kernel",
        Errno.ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)",
        _ => error.Message(),
    };

    private static async GuestTask<int> Report(CommandContext c, ModuleOutcome outcome, string what, string why)
    {
        if (outcome.Error == Errno.OK)
            return 0;
        await c.Complain($"ERROR: {what}: {why}");
        if (outcome.Explanation is { } explanation)
            await c.Complain(explanation);
        return 1;
    }

    /// <summary>Parameters as modprobe passes them on: a value with blanks is quoted.</summary>
    private static string Parameters(IReadOnlyList<string> words) => string.Join(' ', words.Select(word =>
    {
        var equals = word.IndexOf('=');
        return equals >= 0 && word.Contains(' ') && !word.Contains('"') ? $"{word[..(equals + 1)]}\"{word[(equals + 1)..]}\"" : word;
    }));

    private static string Normalise(string name)
    {
        var file = ShellFiles.BaseName(name);
        var dot = file.IndexOf('.');
        return (dot < 0 ? file : file[..dot]).Replace('-', '_');
    }

    private static async GuestTask<string?> WhyItStays(CommandContext c, string name)
    {
        var (modules, error) = await LoadedModules(c);
        if (error != Errno.OK)
            return null;
        if (modules.FirstOrDefault(m => m.Name == name) is not { } module)
            return "is not currently loaded";
        return module.Users.Length > 0 ? $"is in use by: {string.Join(' ', module.Users)}" : module.Count != "0" ? "is in use" : null;
    }

    /// <summary>/proc/modules: name, size, use count, users with a comma behind each or "-", state, address (kernel/module/procfs.c).</summary>
    private static async GuestTask<(List<LoadedModule> Modules, Errno Error)> LoadedModules(CommandContext c)
    {
        var modules = new List<LoadedModule>();
        var content = await c.Files.ReadFile("/proc/modules");
        foreach (var line in Encoding.UTF8.GetString(content.Bytes).Split('\n'))
        {
            var fields = line.Split(' ');
            if (fields.Length < 4 || !long.TryParse(fields[1], CultureInfo.InvariantCulture, out var size))
                continue;
            string[] users = fields[3] == "-" ? [] : fields[3].Split(',', StringSplitOptions.RemoveEmptyEntries);
            modules.Add(new LoadedModule(fields[0], size, fields[2], users));
        }

        return (modules, content.Error);
    }

    /// <summary>The third word of a line "ffffffff81000000 T name [module]"; a tab stands before the module.</summary>
    private static string SymbolName(string line)
    {
        var start = line.IndexOf(' ') + 3;
        if (start < 3 || start >= line.Length)
            return "";
        var end = line.AsSpan(start).IndexOfAny('\t', ' ');
        return end < 0 ? line[start..] : line.Substring(start, end);
    }

    private sealed record LoadedModule(string Name, long Size, string Count, string[] Users);
}
