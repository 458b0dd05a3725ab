using System.Globalization;
using System.Text.Json;
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
        foreach (var alias in aliases)
        {
            var found = modules.Lookup(alias);
            if (found.Count == 0)
            {
                var text = $"Module {alias} not found in directory {modules.Directory.Path}";
                if (!request.All)
                {
                    return context.Log.Fatal(text);
                }
                context.Log.Warning(text);
                exitCode = 1;
            }
            foreach (var module in found)
            {
                context.Output.WriteLine(module.Name);
            }
        }
        return exitCode;
    }

    /// <summary>-l: the files of all modules whose base name, without ending, fits the pattern.</summary>
    public int List()
    {
        var pattern = request.Operands.Count > 0 ? request.Operands[0] : "*";
        foreach (var (_, value) in modules.Directory.Index(ModuleIndexKind.Dependencies)?.ReadAll() ?? [])
        {
            var file = value.Text[..value.Text.IndexOf(':')];
            var name = file.AsSpan(file.LastIndexOf('/') + 1);
            if (Wildcard.IsMatch(ModuleName.Normalize(pattern), ModuleName.Normalize(name)) || Wildcard.IsMatch(pattern, file))
            {
                context.Output.WriteLine(file);
            }
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
        if (exports)
        {
            var summary = ModuleSummary.Read(path);
            if (summary.Problem is { } problem)
            {
                return context.Log.Fatal($"could not get symbols of {nameOrFile}: {problem.Errno.Message()}");
            }
            foreach (var symbol in summary.Exports)
            {
                PrintSymbol(symbol.Crc, symbol.Name);
            }
            return 0;
        }
        if (!ModuleFile.Read(path).Then(static file => file.Versions()).TryGet(out var versions, out var error))
        {
            return context.Log.Fatal($"could not get modversions of {nameOrFile}: {KmodErrno.Of(error, path).Message()}");
        }
        foreach (var version in versions)
        {
            PrintSymbol(version.Crc, version.Name);
        }
        return 0;
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

    private void PrintSymbol(ulong crc, string name) =>
        context.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"0x{crc:x8}\t{name}"));

    private void WriteConfiguration(Utf8JsonWriter json)
    {
        var configuration = modules.Configuration;
        ToolJson.WriteArray(json, "blacklist", configuration.Blacklist);
        ToolJson.WriteArray(json, "mask", configuration.Masks.Select(static command => command.Pattern));
        WriteCommands(json, "install", configuration.InstallCommands.Select(static command => (command.Pattern, "command", command.Command)));
        WriteCommands(json, "remove", configuration.RemoveCommands.Select(static command => (command.Pattern, "command", command.Command)));
        WriteCommands(json, "alias", configuration.Aliases.Select(static command => (command.Pattern, "module", command.Module)));
        WriteCommands(json, "options", configuration.Options.Select(static command => (command.Module, "options", command.Options)));
        json.WriteStartArray("softdep");
        foreach (var command in configuration.SoftDependencies)
        {
            json.WriteStartObject();
            json.WriteString("pattern", command.Pattern);
            ToolJson.WriteArray(json, "pre", command.Pre);
            ToolJson.WriteArray(json, "post", command.Post);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("weakdep");
        foreach (var command in configuration.WeakDependencies)
        {
            json.WriteStartObject();
            json.WriteString("pattern", command.Pattern);
            ToolJson.WriteArray(json, "modules", command.Modules);
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
