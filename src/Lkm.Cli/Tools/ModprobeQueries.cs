using System.Globalization;
using System.Text.Json;
using Lkm.Cli.CommandLine;
using Lkm.Formats;
using Lkm.Formats.Modules;
using Lkm.Modules;

namespace Lkm.Cli.Tools;

/// <summary>What modprobe tells without changing anything.</summary>
internal sealed class ModprobeQueries(ToolContext context, ModuleContext modules, ModprobeRequest request)
{
    /// <summary>-R: the names that aliases mean.</summary>
    public int Resolve(IReadOnlyList<string> aliases)
    {
        var exitCode = 0;
        var answers = new List<KeyValuePair<string, IReadOnlyList<ModuleEntry>>>();
        foreach (var alias in aliases)
        {
            var found = modules.Lookup(alias);
            answers.Add(new(alias, found));
            if (found.Count == 0)
            {
                var text = $"Module {alias} not found in directory {modules.Directory.Path}";
                exitCode = request.All ? Warn(text) : context.Log.Fatal(text);
            }
            foreach (var module in request.Json ? [] : found)
            {
                context.Output.WriteLine(module.Name);
            }
        }
        if (request.Json)
        {
            ToolJson.Write(context.Output, json =>
            {
                json.WriteStartObject("aliases");
                foreach (var answer in answers)
                {
                    JsonReport.WriteArray(json, answer.Key, answer.Value.Select(static module => module.Name));
                }
                json.WriteEndObject();
            });
        }
        return exitCode;
    }

    private int Warn(string text)
    {
        context.Log.Warning(text);
        return 1;
    }

    /// <summary>-l: the files of all modules whose base name, without ending, fits the pattern.</summary>
    public int List()
    {
        var pattern = request.Operands.Count > 0 ? request.Operands[0] : "*";
        var files = new List<string>();
        foreach (var (_, value) in modules.Directory.Index(ModuleIndexKind.Dependencies)?.ReadAll() ?? [])
        {
            var file = value.Text[..Math.Max(value.Text.IndexOf(':'), 0)];
            if (Wildcard.IsMatch(ModuleName.Normalize(pattern), ModuleName.FromPath(file)) || Wildcard.IsMatch(pattern, file))
            {
                files.Add(file);
            }
        }
        if (request.Json)
        {
            ToolJson.Write(context.Output, json => JsonReport.WriteArray(json, "files", files));
            return 0;
        }
        foreach (var file in files)
        {
            context.Output.WriteLine(file);
        }
        return 0;
    }

    /// <summary>--show-modversions and --show-exports: symbols with their versions.</summary>
    public int ShowSymbols(string nameOrFile, bool exports)
    {
        var path = File.Exists(nameOrFile) ? nameOrFile : modules.Lookup(nameOrFile) is [{ Path: { } found }, ..] ? found : null;
        if (path is null)
        {
            return context.Log.Fatal($"Module {nameOrFile} not found.");
        }
        var symbols = new List<SummaryExport>();
        var errno = exports ? ReadExports(path, symbols) : ReadVersions(path, symbols);
        if (errno != Errno.OK)
        {
            return context.Log.Fatal($"could not get {(exports ? "symbols" : "modversions")} of {nameOrFile}: {errno.Message()}");
        }
        if (request.Json)
        {
            ToolJson.Write(context.Output, json =>
            {
                json.WriteStartArray("symbols");
                foreach (var symbol in symbols)
                {
                    json.WriteStartObject();
                    json.WriteString("name", symbol.Name);
                    json.WriteString("crc", Hex(symbol.Crc));
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            });
            return 0;
        }
        foreach (var symbol in symbols)
        {
            context.Output.WriteLine($"{Hex(symbol.Crc)}\t{symbol.Name}");
        }
        return 0;
    }

    private static string Hex(ulong crc) => string.Create(CultureInfo.InvariantCulture, $"0x{crc:x8}");

    private static Errno ReadExports(string path, List<SummaryExport> symbols)
    {
        var summary = ModuleSummary.Read(path);
        symbols.AddRange(summary.Exports);
        return summary.Problem?.Errno ?? Errno.OK;
    }

    private static Errno ReadVersions(string path, List<SummaryExport> symbols)
    {
        if (!ModuleFile.Read(path).Then(static file => file.Versions()).TryGet(out var versions, out var error))
        {
            return KmodErrno.Of(error, path);
        }
        foreach (var version in versions)
        {
            symbols.Add(new(version.Name, version.Crc));
        }
        return Errno.OK;
    }

    /// <summary>-c: the configuration and the indexes, as configuration commands.</summary>
    public int ShowConfiguration()
    {
        if (request.Json)
        {
            ToolJson.Write(context.Output, WriteConfiguration);
            return 0;
        }
        var output = context.Output;
        var configuration = modules.Configuration;
        foreach (var name in configuration.Blacklist)
        {
            output.WriteLine($"blacklist {name}");
        }
        foreach (var command in configuration.InstallCommands)
        {
            output.WriteLine($"install {command.Pattern} {command.Command}");
        }
        foreach (var command in configuration.RemoveCommands)
        {
            output.WriteLine($"remove {command.Pattern} {command.Command}");
        }
        foreach (var command in configuration.Aliases)
        {
            output.WriteLine($"alias {command.Pattern} {command.Module}");
        }
        foreach (var command in configuration.Options)
        {
            output.WriteLine($"options {command.Module} {command.Options}");
        }
        foreach (var command in configuration.SoftDependencies)
        {
            output.WriteLine($"softdep {command.Pattern} {Describe(command)}");
        }
        foreach (var command in configuration.WeakDependencies)
        {
            output.WriteLine($"weakdep {command.Pattern} {string.Join(' ', command.Modules)}");
        }
        foreach (var command in configuration.Masks)
        {
            output.WriteLine($"mask {command.Pattern}");
        }
        output.Write("\n# End of configuration files. Dumping indexes now:\n\n");
        foreach (var kind in (ReadOnlySpan<ModuleIndexKind>)[ModuleIndexKind.Aliases, ModuleIndexKind.Symbols])
        {
            foreach (var (key, value) in modules.Directory.Index(kind)?.ReadAll() ?? [])
            {
                output.Write("alias ").Write(key).Write(" ").WriteLine(value.Text);
            }
        }
        return 0;
    }

    private static string Describe(SoftDependencyCommand command)
    {
        var pre = command.Pre.Count > 0 ? $"pre: {string.Join(' ', command.Pre)}" : "";
        var post = command.Post.Count > 0 ? $"post: {string.Join(' ', command.Post)}" : "";
        return pre.Length > 0 && post.Length > 0 ? $"{pre} {post}" : pre + post;
    }

    private void WriteConfiguration(Utf8JsonWriter json)
    {
        var configuration = modules.Configuration;
        JsonReport.WriteArray(json, "blacklist", configuration.Blacklist);
        JsonReport.WriteArray(json, "mask", configuration.Masks.Select(static command => command.Pattern));
        WriteCommands(json, "install", configuration.InstallCommands.Select(static command => (command.Pattern, "command", command.Command)));
        WriteCommands(json, "remove", configuration.RemoveCommands.Select(static command => (command.Pattern, "command", command.Command)));
        WriteCommands(json, "alias", configuration.Aliases.Select(static command => (command.Pattern, "module", command.Module)));
        WriteCommands(json, "options", configuration.Options.Select(static command => (command.Module, "options", command.Options)));
        json.WriteStartArray("softdep");
        foreach (var command in configuration.SoftDependencies)
        {
            json.WriteStartObject();
            json.WriteString("pattern", command.Pattern);
            JsonReport.WriteArray(json, "pre", command.Pre);
            JsonReport.WriteArray(json, "post", command.Post);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("weakdep");
        foreach (var command in configuration.WeakDependencies)
        {
            json.WriteStartObject();
            json.WriteString("pattern", command.Pattern);
            JsonReport.WriteArray(json, "modules", command.Modules);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteCommands(Utf8JsonWriter json, string name, IEnumerable<(string Pattern, string Key, string Value)> commands)
    {
        json.WriteStartArray(name);
        foreach (var (pattern, key, value) in commands)
        {
            json.WriteStartObject();
            json.WriteString("pattern", pattern);
            json.WriteString(key, value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
