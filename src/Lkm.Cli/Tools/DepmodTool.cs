using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>depmod(8).</summary>
internal static class DepmodTool
{
    private const string Help = """
        Usage:
        	depmod -[aA] [options] [forced_version]

        If no arguments (except options) are given, "depmod -a" is assumed

        depmod will output a dependency list suitable for the modprobe utility.

        Options:
        	-a, --all            Probe all modules
        	-A, --quick          Only does the work if there's a new module
        	-e, --errsyms        Report not supplied symbols
        	-n, --show           Write the dependency file on stdout only
        	-P, --symbol-prefix  Architecture symbol prefix
        	-C, --config=PATH    Read configuration from PATH
        	-v, --verbose        Enable verbose mode
        	-w, --warn           Warn on duplicates
        	-V, --version        show version
        	-h, --help           show this help

        The following options are useful for people managing distributions:
        	-b, --basedir=DIR    Use an image of a module tree.
        	-m, --moduledir=DIR  Use DIR instead of /lib/modules
        	-o, --outdir=DIR     Output directory for generated files.
        	-F, --filesyms=FILE  Use the file instead of the
        	                     current kernel symbols.
        	-E, --symvers=FILE   Use Module.symvers file to check
        	                     symbol versions.

        """;

    private const int Json = 1;

    private static readonly LongOption[] LongOptions =
    [
        new("all", false, 'a'), new("quick", false, 'A'), new("basedir", true, 'b'), new("moduledir", true, 'm'), new("outdir", true, 'o'),
        new("config", true, 'C'), new("symvers", true, 'E'), new("filesyms", true, 'F'), new("errsyms", false, 'e'), new("show", false, 'n'),
        new("dry-run", false, 'n'), new("symbol-prefix", true, 'P'), new("warn", false, 'w'), new("verbose", false, 'v'),
        new("version", false, 'V'), new("help", false, 'h'), new("moduledir-default", false, 'M'),
        new("json", false, Json),
    ];

    private sealed class Request
    {
        public bool Quick, Show, Verbose, Warn, ErrorSymbols, Json;
        public string? Base, ModuleDirectory, Output, SymbolVersions, SystemMap;
        public char Prefix;
        public List<string> ConfigurationPaths = [];
    }

    public static int Run(ToolContext context, string[] arguments)
    {
        var request = new Request();
        var options = context.Options(arguments, "aAb:m:o:C:E:F:evnP:wVhM", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 'a': request.Quick = false; break;
                case 'A': request.Quick = true; break;
                case 'b': request.Base = ToolPaths.Absolute(options.Value); break;
                case 'm': request.ModuleDirectory = options.Value; break;
                case 'o': request.Output = ToolPaths.Absolute(options.Value); break;
                case 'C': request.ConfigurationPaths.Add(options.Value); break;
                case 'E': request.SymbolVersions = options.Value; break;
                case 'F': request.SystemMap = options.Value; break;
                case 'e': request.ErrorSymbols = true; break;
                case 'v': request.Verbose = true; break;
                case 'n': request.Show = true; break;
                case 'w': request.Warn = true; break;
                case Json: request.Json = true; break;
                case 'P' when options.Value.Length == 1: request.Prefix = options.Value[0]; break;
                case 'P': return context.Log.Fatal("-P only takes a single char");
                case 'M': context.Output.WriteLine("/lib/modules"); return 0;
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                default: return 1;
            }
        }
        return Run(context, request, options.Operands);
    }

    private static int Run(ToolContext context, Request request, IReadOnlyList<string> operands)
    {
        string version;
        if (operands.Count > 0)
        {
            version = operands[0];
            if (!IsVersion(version))
            {
                return context.Log.Error($"Bad version passed {version}");
            }
        }
        else
        {
            version = context.Host.Release;
        }
        var files = operands.Skip(1).ToList();
        if (files.Find(static file => !file.StartsWith('/')) is { } relative)
        {
            return context.Log.Fatal($"{relative}: not absolute path.");
        }
        var place = (request.ModuleDirectory ?? "/lib/modules").Trim('/');
        var directory = $"{request.Base ?? context.Root}/{place}/{version}";
        var output = request.Output is null ? directory : $"{request.Output}/{place}/{version}";
        if (request.ErrorSymbols && request.SystemMap is null && request.SymbolVersions is null)
        {
            context.Log.Warning("-e needs -E or -F");
        }
        if (request.Quick && files.Count == 0 && ModuleTimes.IsUpToDate(directory, $"{output}/modules.dep"))
        {
            return 0;
        }
        if (LoadKernelSymbols(context, request, out var symbols) is not 0 and var exitCode)
        {
            return exitCode;
        }
        var configuration = DepmodConfiguration.Load(
            request.ConfigurationPaths.Count > 0 ? request.ConfigurationPaths : DepmodConfiguration.SystemPaths(context.Root), version);
        foreach (var problem in configuration.Problems)
        {
            context.Log.Error(problem.Kind == ConfigurationProblemKind.BadLine
                ? $"{problem.File}:{problem.Line}: ignoring bad line starting with '{problem.Subject}'"
                : problem.ToString());
        }
        return Make(context, request, new DepmodOptions
        {
            Directory = directory,
            Configuration = configuration,
            Files = files.Count > 0 ? files : null,
            KernelSymbols = request.ErrorSymbols ? symbols : null,
            SymbolPrefix = request.Prefix,
            Verbose = request.Verbose,
            Cache = request.Quick ? SummaryCache.Load(CachePath(output)) : null,
        }, output);
    }

    private static string CachePath(string output) => $"{output}/modules.lkm-cache";

    /// <summary>A version begins with two numbers and a dot between them.</summary>
    private static bool IsVersion(string text)
    {
        var dot = text.IndexOf('.');
        return dot > 0 && !text.AsSpan(0, dot).ContainsAnyExceptInRange('0', '9') && dot + 1 < text.Length && char.IsAsciiDigit(text[dot + 1]);
    }

    private static int LoadKernelSymbols(ToolContext context, Request request, out KernelSymbols? symbols)
    {
        symbols = null;
        var path = request.SymbolVersions ?? request.SystemMap;
        if (path is null)
        {
            return 0;
        }
        try
        {
            symbols = request.SymbolVersions is null ? KernelSymbols.FromSystemMap(path) : KernelSymbols.FromSymbolVersions(path);
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return context.Log.Fatal($"could not load {path}: {ToolErrors.Describe(e)}");
        }
    }

    private static int Make(ToolContext context, Request request, DepmodOptions options, string output)
    {
        var messages = new List<DepmodMessage>();
        var result = Depmod.Run(options, messages, line => context.Output.WriteLine(line));
        var failed = Report(context, messages, out _);
        var files = new List<string>();
        var exitCode = result is null ? 1 : Write(context, request, options, output, result, files, messages);
        failed |= Report(context, messages, out var isFatal);
        if (isFatal || (failed && !context.IsStrict))
        {
            exitCode = 1;
        }
        if (request.Json)
        {
            DepmodJson.Write(context, exitCode, options.Directory, result, files);
        }
        return exitCode;
    }

    private static int Write(
        ToolContext context, Request request, DepmodOptions options, string output, DepmodResult result, List<string> files, List<DepmodMessage> messages)
    {
        try
        {
            if (!request.Show)
            {
                Directory.CreateDirectory(output);
            }
            foreach (var file in DepmodFiles.Make(result, onlyText: request.Show, request.Warn, messages))
            {
                if (!request.Show)
                {
                    AtomicFile.Write($"{output}/{file.Name}", file.Bytes.Span);
                    files.Add(file.Name);
                }
                else if (!request.Json)
                {
                    context.Output.Write(file.Bytes.Span);
                }
            }
            if (!request.Show)
            {
                options.Cache?.Save(CachePath(output));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return context.Log.Fatal($"could not write indexes to {output}: {ToolErrors.Describe(e)}");
        }
        return 0;
    }

    /// <summary>Says what there is to say; the result is whether a module or a file was left out.</summary>
    private static bool Report(ToolContext context, List<DepmodMessage> messages, out bool isFatal)
    {
        var failed = false;
        isFatal = false;
        foreach (var message in messages)
        {
            switch (message.Severity)
            {
                case DepmodSeverity.Fatal:
                    context.Log.Fatal(message.Text);
                    isFatal = true;
                    break;
                case DepmodSeverity.Error:
                    context.Log.Error(message.Text);
                    break;
                default:
                    context.Log.Warning(message.Text);
                    continue;
            }
            failed = true;
        }
        messages.Clear();
        return failed;
    }
}
