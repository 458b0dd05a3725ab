namespace Lkm.Modules;

/// <summary>
/// What modprobe.d(5), <c>modules.softdep</c>, <c>modules.weakdep</c> and the kernel command line say, in the order of reading.
/// </summary>
public sealed class ModprobeConfiguration
{
    internal List<string> BlacklistNames { get; } = [];
    internal List<AliasCommand> AliasList { get; } = [];
    internal List<OptionsCommand> OptionsList { get; } = [];
    internal List<ShellCommand> InstallList { get; } = [];
    internal List<ShellCommand> RemoveList { get; } = [];
    internal List<SoftDependencyCommand> SoftDependencyList { get; } = [];
    internal List<WeakDependencyCommand> WeakDependencyList { get; } = [];
    internal List<MaskCommand> MaskList { get; } = [];
    internal List<ConfigurationProblem> ProblemList { get; } = [];

    private ModprobeConfiguration()
    {
    }

    /// <summary>A configuration that says nothing.</summary>
    public static ModprobeConfiguration Empty => new();

    /// <summary><c>blacklist</c>: modules whose aliases are ignored.</summary>
    public IReadOnlyList<string> Blacklist => BlacklistNames;

    /// <summary><c>alias</c> commands.</summary>
    public IReadOnlyList<AliasCommand> Aliases => AliasList;

    /// <summary><c>options</c> commands, those of the kernel command line last.</summary>
    public IReadOnlyList<OptionsCommand> Options => OptionsList;

    /// <summary><c>install</c> commands.</summary>
    public IReadOnlyList<ShellCommand> InstallCommands => InstallList;

    /// <summary><c>remove</c> commands.</summary>
    public IReadOnlyList<ShellCommand> RemoveCommands => RemoveList;

    /// <summary><c>softdep</c> commands.</summary>
    public IReadOnlyList<SoftDependencyCommand> SoftDependencies => SoftDependencyList;

    /// <summary><c>weakdep</c> commands.</summary>
    public IReadOnlyList<WeakDependencyCommand> WeakDependencies => WeakDependencyList;

    /// <summary><c>mask</c> commands.</summary>
    public IReadOnlyList<MaskCommand> Masks => MaskList;

    /// <summary>What was passed over because it could not be understood or read.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => ProblemList;

    /// <summary>Reads all of a system's configuration.</summary>
    public static ModprobeConfiguration Load(ConfigurationSources sources)
    {
        var configuration = new ModprobeConfiguration();
        if (sources.DeprecatedFile is { } old && File.Exists(old))
        {
            configuration.ProblemList.Add(new(ConfigurationProblemKind.DeprecatedFile, old, 0, "/etc/modprobe.d/"));
            configuration.AddFile(old, sources.UnderstandMask);
        }
        IEnumerable<string> paths = sources.ModuleDirectory is { } directory
            ? [.. sources.Paths, $"{directory}/modules.softdep", $"{directory}/modules.weakdep"]
            : sources.Paths;
        foreach (var file in ConfigurationFiles.Find(paths, configuration.ProblemList))
        {
            configuration.AddFile(file, sources.UnderstandMask);
        }
        if (sources.KernelCommandLine is { } commandLine && ConfigurationFiles.Read(commandLine, configuration.ProblemList) is { } bytes)
        {
            KernelCommandLine.AddTo(configuration, commandLine, LosslessText.Decode(bytes));
        }
        return configuration;
    }

    /// <summary>Reads one configuration file that is in memory.</summary>
    /// <param name="bytes">The file's bytes.</param>
    /// <param name="file">The name that problems are reported under.</param>
    /// <param name="understandMask">Whether lkm's own command <c>mask</c> is understood.</param>
    public static ModprobeConfiguration Parse(byte[] bytes, string file, bool understandMask = true)
    {
        var configuration = new ModprobeConfiguration();
        configuration.AddLines(bytes, file, understandMask);
        return configuration;
    }

    private void AddFile(string file, bool understandMask)
    {
        if (ConfigurationFiles.Read(file, ProblemList) is { } bytes)
        {
            AddLines(bytes, file, understandMask);
        }
    }

    private void AddLines(byte[] bytes, string file, bool understandMask)
    {
        foreach (var (text, number) in ConfigurationLines.Read(bytes))
        {
            ReadOnlySpan<char> rest = text;
            var command = ConfigurationLines.TakeWord(ref rest);
            if (command.IsEmpty)
            {
                continue;
            }
            if (command is "include" or "config")
            {
                ProblemList.Add(new(ConfigurationProblemKind.DeprecatedCommand, file, number, command.ToString()));
            }
            else if (!(understandMask && command is "mask" ? AddMask(rest, file, number) : AddCommand(command, rest)))
            {
                ProblemList.Add(new(ConfigurationProblemKind.BadLine, file, number, command.ToString()));
            }
        }
    }

    private bool AddMask(ReadOnlySpan<char> rest, string file, int number)
    {
        var pattern = TakeName(ref rest);
        if (pattern is null)
        {
            return false;
        }
        MaskList.Add(new(pattern, file, number));
        return true;
    }

    private bool AddCommand(ReadOnlySpan<char> command, ReadOnlySpan<char> rest)
    {
        if (command is not ("alias" or "blacklist" or "options" or "install" or "remove" or "softdep" or "weakdep") || TakeName(ref rest) is not { } name)
        {
            return false;
        }
        if (command is "blacklist")
        {
            BlacklistNames.Add(name);
            return true;
        }
        if (command is "alias")
        {
            if (TakeName(ref rest) is not { } module)
            {
                return false;
            }
            AliasList.Add(new(name, module));
            return true;
        }
        if (rest.IsEmpty)
        {
            return false;
        }
        switch (command)
        {
            case "options":
                OptionsList.Add(new(name, rest.ToString().Replace('\t', ' ')));
                break;
            case "install":
                InstallList.Add(new(name, rest.ToString()));
                break;
            case "remove":
                RemoveList.Add(new(name, rest.ToString()));
                break;
            case "softdep":
                AddSoftDependency(name, rest);
                break;
            default:
                WeakDependencyList.Add(new(name, Words(rest)));
                break;
        }
        return true;
    }

    /// <summary>Takes a word and normalises it as an alias; null if there is none, or its brackets don't pair.</summary>
    private static string? TakeName(ref ReadOnlySpan<char> rest)
    {
        var word = ConfigurationLines.TakeWord(ref rest);
        return word.IsEmpty ? null : ModuleName.NormalizeAlias(word);
    }

    private void AddSoftDependency(string name, ReadOnlySpan<char> rest)
    {
        List<string> pre = [], post = [];
        List<string>? list = null;
        foreach (var word in Words(rest))
        {
            switch (word)
            {
                case "pre:":
                    list = pre;
                    break;
                case "post:":
                    list = post;
                    break;
                default:
                    list?.Add(word);
                    break;
            }
        }
        SoftDependencyList.Add(new(name, pre, post));
    }

    private static List<string> Words(ReadOnlySpan<char> text)
    {
        var words = new List<string>();
        while (ConfigurationLines.TakeWord(ref text) is { IsEmpty: false } word)
        {
            words.Add(word.ToString());
        }
        return words;
    }
}
