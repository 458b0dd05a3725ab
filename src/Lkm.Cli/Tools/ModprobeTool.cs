using System.Text;
using Lkm.Modules;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>modprobe(8): options and what follows from them. The work is in <see cref="ModprobeInserter"/>, <see cref="ModprobeRemover"/> and <see cref="ModprobeQueries"/>.</summary>
internal static class ModprobeTool
{
    private const string Help = """
        Usage:
        	modprobe [options] [-i] [-b] modulename
        	modprobe [options] -a [-i] [-b] modulename [modulename...]
        	modprobe [options] -r [-i] modulename
        	modprobe [options] -r -a [-i] modulename [modulename...]
        	modprobe [options] -c
        	modprobe [options] --show-modversions filename
        	modprobe [options] -l [pattern]
        Management Options:
        	-a, --all                   Consider every non-argument to
        	                            be a module name to be inserted
        	                            or removed (-r)
        	-r, --remove                Remove modules instead of inserting
        	    --remove-dependencies   Deprecated: use --remove-holders
        	    --remove-holders        Also remove module holders (use together with -r)
        	-w, --wait <MSEC>           When removing a module, wait up to MSEC for
        	                            module's refcount to become 0 so it can be
        	                            removed (use together with -r)
        	    --first-time            Fail if module already inserted or removed
        	-i, --ignore-install        Ignore install commands
        	-i, --ignore-remove         Ignore remove commands
        	-b, --use-blacklist         Apply blacklist to resolved alias.
        	-f, --force                 Force module insertion or removal.
        	                            implies --force-modversion and
        	                            --force-vermagic
        	    --force-modversion      Ignore module's version
        	    --force-vermagic        Ignore module's version magic

        Query Options:
        	-R, --resolve-alias         Only lookup and print alias and exit
        	-D, --show-depends          Only print module dependencies and exit
        	-c, --show-config           Print out known configuration and exit
        	    --show-modversions      Dump module symbol version and exit
        	    --show-exports          Only print module exported symbol versions and exit
        	-l, --list                  List modules whose file names match the pattern

        General Options:
        	-n, --dry-run               Do not execute operations, just print out
        	-C, --config=FILE           Use FILE instead of default search paths
        	-d, --dirname=DIR           Use DIR as filesystem root for /lib/modules
        	-S, --set-version=VERSION   Use VERSION instead of `uname -r`
        	-s, --syslog                print to syslog, not stderr
        	-q, --quiet                 disable messages
        	-v, --verbose               enables more messages
        	-V, --version               show version
        	-h, --help                  show this help

        """;

    // Old names have codes of their own, behind those of the new ones.
    private const int Old = 512;
    private const int ShowVersions = 256, ShowExports = 257, ForceModuleVersions = 258, ForceVersionMagic = 259, FirstTime = 260, RemoveHolders = 261, Json = 262;

    private static readonly LongOption[] LongOptions =
    [
        new("all", false, 'a'), new("remove", false, 'r'), new("remove-dependencies", false, RemoveHolders + Old), new("remove-holders", false, RemoveHolders),
        new("resolve-alias", false, 'R' + Old), new("wait", true, 'w'), new("first-time", false, FirstTime), new("ignore-install", false, 'i'),
        new("ignore-remove", false, 'i'), new("use-blacklist", false, 'b'), new("force", false, 'f'), new("force-modversion", false, ForceModuleVersions),
        new("force-vermagic", false, ForceVersionMagic), new("show-depends", false, 'D'), new("showconfig", false, 'c' + Old), new("show-config", false, 'c'),
        new("show-modversions", false, ShowVersions), new("dump-modversions", false, ShowVersions + Old), new("show-exports", false, ShowExports),
        new("dry-run", false, 'n'), new("show", false, 'n' + Old), new("config", true, 'C'), new("dirname", true, 'd'), new("set-version", true, 'S'),
        new("syslog", false, 's'), new("quiet", false, 'q'), new("verbose", false, 'v'), new("version", false, 'V'), new("help", false, 'h'),
        new("list", false, 'l'), new("json", false, Json),
    ];

    public static int Run(ToolContext context, string[] arguments)
    {
        if (context.Host.Variable("MODPROBE_OPTIONS") is { Length: > 0 } inherited)
        {
            arguments = [.. SplitOptions(inherited), .. arguments];
        }
        var request = new ModprobeRequest();
        var options = context.Options(arguments, "arw:RibfDcnC:d:S:sqvVhl", LongOptions);
        while (options.Next() is var option and not OptionParser.End)
        {
            switch (option)
            {
                case 's':
                    context.PassOn("-s");
                    context.Log.UseSystemLog();
                    break;
                case 'q':
                    context.PassOn("-q");
                    context.Log.Level = LogLevel.Emergency;
                    break;
                case 'v':
                    context.PassOn("-v");
                    context.Log.Level++;
                    break;
                case 'C':
                    context.PassOn("-C");
                    context.PassOn(options.Value);
                    request.ConfigurationPaths.Add(options.Value);
                    break;
                case 'w' when request.TakeWait(options.Value): break;
                case 'w': return context.Log.Error($"unexpected wait value '{options.Value}'.");
                case 'V': return context.PrintVersion();
                case 'h': context.Output.Write(Help); return 0;
                case OptionParser.Invalid: return 1;
                case > Old: Apply(request, Renamed(context, option), options.Value); break;
                default: Apply(request, option, options.Value); break;
            }
        }
        request.Operands = options.Operands;
        return Run(context, request);
    }

    /// <summary>Warns of an option's old name.</summary>
    /// <returns>The code of the option.</returns>
    private static int Renamed(ToolContext context, int option)
    {
        var (old, now) = (option - Old) switch
        {
            RemoveHolders => ("remove-dependencies", "--remove-holders"),
            ShowVersions => ("dump-modversions", "--show-modversions"),
            'c' => ("showconfig", "--show-config"),
            'n' => ("show", "--dry-run"),
            _ => ("resolve-alias", "-R"),
        };
        context.Log.Warning($"'--{old}' is deprecated, use '{now}'");
        return option - Old;
    }

    private static void Apply(ModprobeRequest request, int option, string value)
    {
        switch (option)
        {
            case 'a': request.All = true; break;
            case 'r': request.Remove = true; break;
            case RemoveHolders: request.RemoveHolders = true; break;
            case 'R': request.ResolveOnly = true; break;
            case FirstTime: request.FirstTime = true; break;
            case 'i': request.IgnoreCommands = true; break;
            case 'b': request.UseBlacklist = true; break;
            case 'f':
                request.InsertFlags |= InsertFlags.IgnoreModuleVersions | InsertFlags.IgnoreVersionMagic;
                request.RemoveFlags |= RemoveFlags.Force;
                break;
            case ForceModuleVersions: request.InsertFlags |= InsertFlags.IgnoreModuleVersions; break;
            case ForceVersionMagic: request.InsertFlags |= InsertFlags.IgnoreVersionMagic; break;
            case 'D': request.ShowDependencies = true; break;
            case 'c': request.ShowConfiguration = true; break;
            case ShowVersions: request.ShowVersions = true; break;
            case ShowExports: request.ShowExports = true; break;
            case 'n': request.DryRun = true; break;
            case 'd': request.Root = value; break;
            case 'S': request.Version = value; break;
            case 'l': request.List = true; break;
            case Json: request.Json = true; break;
        }
    }

    private static int Run(ToolContext context, ModprobeRequest request)
    {
        if (request.Operands.Count == 0 && !request.ShowConfiguration && !request.List)
        {
            return context.Log.Error("missing parameters. See -h.");
        }
        var root = request.Root is null ? context.Root : ToolPaths.Absolute(request.Root);
        using var directory = ModuleDirectory.Open(ModuleDirectory.PathFor(request.Version ?? context.Host.Release, root));
        var modules = new ModuleContext(
            directory,
            ToolConfiguration.Load(context, directory.Path, request.ConfigurationPaths),
            context.IsStrict ? ResolutionRules.Kmod : ResolutionRules.Lkm);
        var queries = new ModprobeQueries(context, modules, request);
        if (request.ShowConfiguration)
        {
            return queries.ShowConfiguration();
        }
        if (request.List)
        {
            return queries.List();
        }
        if (request.ShowVersions || request.ShowExports)
        {
            return queries.ShowSymbols(request.Operands[0], request.ShowExports);
        }
        if (request.ResolveOnly)
        {
            return queries.Resolve(request.All ? request.Operands : [request.Operands[0]]);
        }
        request.Report = request.Json ? new(context) : null;
        var exitCode = request.Remove
            ? new ModprobeRemover(context, modules, request).Remove(request.Operands)
            : new ModprobeInserter(context, modules, request).Insert(request.Operands);
        request.Report?.Write(exitCode);
        return exitCode;
    }

    /// <summary>Splits MODPROBE_OPTIONS at spaces; quotes of both kinds hold words together.</summary>
    internal static List<string> SplitOptions(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var quote = '\0';
        var inWord = false;
        foreach (var c in text)
        {
            if (quote != 0 ? c == quote : c is '"' or '\'')
            {
                quote = quote != 0 ? '\0' : c;
                inWord = true;
            }
            else if (c == ' ' && quote == 0)
            {
                if (inWord)
                {
                    words.Add(word.ToString());
                    word.Clear();
                }
                inWord = false;
            }
            else
            {
                word.Append(c);
                inWord = true;
            }
        }
        if (inWord)
        {
            words.Add(word.ToString());
        }
        return words;
    }
}
