using System.Globalization;
using System.Text;
using System.Text.Json;
using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Shell.Commands;

/// <summary>insmod, rmmod, modprobe, lsmod, modinfo and ksyms, with kmod's output.</summary>
internal static class ModuleCommands
{
    public static async GuestTask<int> Insert(CommandContext c)
    {
        // What follows the file are parameters, whatever they begin with.
        bool trace = false, json = false;
        var first = 0;
        for (; first < c.Arguments.Count && c.Arguments[first] is ("--trace" or "--json" or "--"); first++)
        {
            trace |= c.Arguments[first] == "--trace";
            json |= c.Arguments[first] == "--json";
        }

        var words = c.Arguments[first..];
        if (words.Count == 0)
            return await c.Misused();
        var file = words[0];
        var steps = new List<LoadStep>();
        Action<LoadStep>? observer = json ? steps.Add : trace ? step => c.Print(step.Format() + "\n") : null;
        var outcome = await c.Shell.Modules.Insert(c.Shell.HostPath(file), string.Join(' ', words[1..]), observer);
        if (json)
            c.PrintJson(document => Write(document, file, outcome, trace ? steps : null));
        return outcome.NoSuchModule
            ? await c.Fail($"ERROR: could not load module {file}", outcome.Error)
            : await Report(c, outcome, $"could not insert module {file}", Message(outcome.Error));
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
        var first = 0;
        while (first < c.Arguments.Count && c.Arguments[first].StartsWith('-'))
            first++;
        var options = Options.Read(c.Arguments[..first], "raDq", ("remove", 'r'), ("all", 'a'), ("show-depends", 'D'), ("quiet", 'q'));
        var words = c.Arguments[first..];
        if (options.Problem is not null || words.Count == 0)
            return await c.Misused(options.Problem);
        var (removes, manyNames) = (options.Has('r'), options.Has('r') || options.Has('a'));
        var parameters = manyNames ? "" : Parameters(words[1..]);
        var status = 0;
        foreach (var name in manyNames ? words : words[..1])
        {
            if (!removes && options.Has('D') && c.Shell.Modules.DescribeProbe(name, parameters) is { Count: > 0 } steps)
            {
                foreach (var step in steps)
                    c.Print($"{step}\n");
                continue;
            }

            var outcome = removes ? await c.Shell.Modules.ProbeRemove(name) : await c.Shell.Modules.Probe(name, parameters);
            if (!outcome.NoSuchModule)
                status |= await Report(c, outcome, $"could not {(removes ? "remove" : "insert")} '{name}'", ProbeMessage(outcome.Error));
            else if (options.Has('q'))
                status = 1;
            else
                status = await c.Fail($"FATAL: {outcome.Explanation}");
        }

        return status;
    }

    public static async GuestTask<int> List(CommandContext c)
    {
        var options = Options.Read(c.Arguments, "j", ("json", 'j'));
        if (options.Problem is not null || options.Operands.Count > 0)
            return await c.Misused(options.Problem);
        var (modules, error) = await LoadedModules(c);
        if (error != Errno.OK)
            return await c.Fail("can't open '/proc/modules'", error);
        if (options.Has('j'))
        {
            c.PrintJson(json => WriteModules(json, modules));
            return 0;
        }

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
        var options = Options.Read(c.Arguments, "F:adlpn", ("field", 'F'), ("author", 'a'), ("description", 'd'), ("license", 'l'), ("parameters", 'p'), ("filename", 'n'));
        if (options.Problem is not null || options.Operands.Count == 0)
            return await c.Misused(options.Problem);
        var asked = options.Has('a') ? "author" : options.Has('d') ? "description" : options.Has('l') ? "license" : options.Has('p') ? "parm"
            : options.Has('n') ? "filename" : options.Value('F');
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
                if (asked is null)
                    c.Print($"{field + ":",-16}{value}\n");
                else if (asked == field)
                    c.Print(value + "\n");
            }
        }

        return status;
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
            if (fields.Length < 5 || !long.TryParse(fields[1], CultureInfo.InvariantCulture, out var size))
                continue;
            string[] users = [.. fields[3].Split(',', StringSplitOptions.RemoveEmptyEntries).Where(user => user != "-" && user[0] != '[')]; // "[permanent]" is nobody
            modules.Add(new LoadedModule(fields[0], size, fields[2], users, fields[4]));
        }

        return (modules, content.Error);
    }

    private static void Write(Utf8JsonWriter json, string file, ModuleOutcome outcome, List<LoadStep>? steps)
    {
        json.WriteString("file", file);
        json.WriteBoolean("ok", outcome.Error == Errno.OK);
        json.WriteString("errno", outcome.Error == Errno.OK ? null : outcome.Error.Name());
        json.WriteString("explanation", outcome.Explanation);
        if (steps is null)
            return;
        json.WriteStartArray("trace");
        foreach (var step in steps)
            step.Write(json);
        json.WriteEndArray();
    }

    private static void WriteModules(Utf8JsonWriter json, List<LoadedModule> modules)
    {
        json.WriteStartArray("modules");
        foreach (var module in modules)
        {
            json.WriteStartObject();
            json.WriteString("name", module.Name);
            json.WriteNumber("size", module.Size);
            json.WriteNumber("users", int.TryParse(module.Count, CultureInfo.InvariantCulture, out var users) ? users : 0);
            json.WriteStartArray("holders");
            foreach (var user in module.Users)
                json.WriteStringValue(user);
            json.WriteEndArray();
            json.WriteString("state", module.State.ToLowerInvariant());
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private sealed record LoadedModule(string Name, long Size, string Count, string[] Users, string State);
}
