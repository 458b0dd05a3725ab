using System.Text.RegularExpressions;

namespace Lkm.Modules;

/// <summary>What depmod.d(5) says for one kernel version: which directories take precedence, and which hold modules at all.</summary>
public sealed class DepmodConfiguration
{
    private const string BuiltIn = "built-in";
    private const string External = "external";

    private readonly List<string> _search = [];
    private readonly List<string> _externals = [];
    private readonly List<string> _overrides = [];
    private readonly List<string> _excludes = [];
    private readonly List<ConfigurationProblem> _problems = [];

    private DepmodConfiguration()
    {
    }

    /// <summary>The words of all <c>search</c> commands; what stands earlier takes precedence. <c>updates built-in</c> if there are none.</summary>
    public IReadOnlyList<string> Search => _search;

    /// <summary>Directories outside the module directory that are searched too, absolute.</summary>
    public IReadOnlyList<string> Externals => _externals;

    /// <summary>Modules that take precedence over everything: path in the module directory, without ending.</summary>
    public IReadOnlyList<string> Overrides => _overrides;

    /// <summary>Names of directories that are not searched, at any depth.</summary>
    public IReadOnlyList<string> Excludes => _excludes;

    /// <summary>Lines and files that were passed over.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems;

    /// <summary>Reads depmod's configuration.</summary>
    /// <param name="paths">Directories, whose <c>*.conf</c> files count, and single files.</param>
    /// <param name="kernelVersion">The version for which <c>override</c> and <c>external</c> commands are asked.</param>
    public static DepmodConfiguration Load(IEnumerable<string> paths, string kernelVersion)
    {
        var configuration = new DepmodConfiguration();
        var files = new ConfigurationFiles();
        foreach (var path in paths)
        {
            files.Add(path);
        }
        configuration._problems.AddRange(files.Problems ?? []);
        foreach (var file in files.Paths)
        {
            var bytes = ConfigurationFiles.Read(file, out var problem);
            if (problem is not null)
            {
                configuration._problems.Add(problem);
            }
            else if (bytes is not null)
            {
                configuration.AddLines(bytes, file, kernelVersion);
            }
        }
        return configuration.Finish();
    }

    /// <summary>Reads one configuration file that is in memory.</summary>
    public static DepmodConfiguration Parse(byte[] bytes, string file, string kernelVersion)
    {
        var configuration = new DepmodConfiguration();
        configuration.AddLines(bytes, file, kernelVersion);
        return configuration.Finish();
    }

    /// <summary>The directories of depmod's configuration on a system whose root is there.</summary>
    public static IReadOnlyList<string> SystemPaths(string root = "") => ConfigurationFiles.Below(root, "depmod.d");

    /// <summary>How a module's file ranks among others of the same name; lower takes precedence, and of equals the first found.</summary>
    /// <param name="path">The file's path: relative to the module directory, or absolute if it lies elsewhere.</param>
    public int Rank(ReadOnlySpan<char> path)
    {
        var plain = path[..^ModuleName.ExtensionLength(path)];
        foreach (var module in _overrides)
        {
            if (plain.SequenceEqual(module))
            {
                return -1;
            }
        }
        var rank = 0;
        var builtInRank = int.MaxValue;
        foreach (var word in _search)
        {
            switch (word)
            {
                case BuiltIn:
                    builtInRank = Math.Min(builtInRank, rank);
                    break;
                case External:
                    foreach (var directory in _externals)
                    {
                        if (IsBelow(path, directory))
                        {
                            return rank;
                        }
                        rank++;
                    }
                    break;
                default:
                    if (IsBelow(path, word))
                    {
                        return rank;
                    }
                    break;
            }
            rank++;
        }
        return builtInRank;
    }

    private static bool IsBelow(ReadOnlySpan<char> path, string directory) =>
        path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory, StringComparison.Ordinal);

    private DepmodConfiguration Finish()
    {
        if (_search.Count == 0)
        {
            _search.AddRange("updates", BuiltIn);
        }
        return this;
    }

    private void AddLines(byte[] bytes, string file, string kernelVersion)
    {
        var lines = new ConfigurationLines(bytes);
        while (lines.Next())
        {
            ReadOnlySpan<char> rest = lines.Text;
            var command = ConfigurationLines.TakeWord(ref rest);
            if (!command.IsEmpty && !AddCommand(command, rest, kernelVersion))
            {
                _problems.Add(new(ConfigurationProblemKind.BadLine, file, lines.Number, command.ToString()));
            }
        }
    }

    private bool AddCommand(ReadOnlySpan<char> command, ReadOnlySpan<char> rest, string kernelVersion)
    {
        switch (command)
        {
            case "search":
                AddWords(rest, _search);
                return true;
            case "exclude":
                AddWords(rest, _excludes);
                return true;
            case "external":
                var externalVersion = ConfigurationLines.TakeWord(ref rest);
                if (externalVersion.IsEmpty)
                {
                    return false;
                }
                if (IsForVersion(externalVersion, kernelVersion))
                {
                    AddWords(rest, _externals);
                }
                return true;
            case "override":
                var module = ConfigurationLines.TakeWord(ref rest);
                var version = ConfigurationLines.TakeWord(ref rest);
                var directory = ConfigurationLines.TakeWord(ref rest);
                if (module.IsEmpty || version.IsEmpty || directory.IsEmpty)
                {
                    return false;
                }
                if (IsForVersion(version, kernelVersion))
                {
                    _overrides.Add($"{directory}/{module}");
                }
                return true;
            default:
                // Commands of other programs that share the directories' history; depmod has always passed them over without a word.
                return command is "include" or "make_map_files";
        }
    }

    private static void AddWords(ReadOnlySpan<char> rest, List<string> words)
    {
        while (ConfigurationLines.TakeWord(ref rest) is { IsEmpty: false } word)
        {
            words.Add(word.Length > 1 ? word.TrimEnd('/').ToString() : word.ToString());
        }
    }

    /// <summary>Whether a version field fits: <c>*</c>, or an extended regular expression that matches somewhere.</summary>
    private static bool IsForVersion(ReadOnlySpan<char> pattern, string kernelVersion)
    {
        if (pattern is "*")
        {
            return true;
        }
        try
        {
            return Regex.IsMatch(kernelVersion, pattern.ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }
}
