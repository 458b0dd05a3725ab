using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// What modprobe.d(5), <c>modules.softdep</c>, <c>modules.weakdep</c> and the kernel command line say, in the order of reading.
/// </summary>
public sealed class ModprobeConfiguration
{
    // One list for all kinds: a list of each would be a type of its own to the runtime, and loading those takes longer than reading the files.
    private readonly List<ConfigurationCommand> _commands = [];
    private List<ConfigurationProblem>? _problems;

    private ModprobeConfiguration()
    {
    }

    /// <summary>A configuration that says nothing.</summary>
    public static ModprobeConfiguration Empty => new();

    /// <summary>All commands in the order of reading, those of the kernel command line last.</summary>
    public IReadOnlyList<ConfigurationCommand> Commands => _commands;

    /// <summary><c>blacklist</c>: names of modules whose aliases are ignored.</summary>
    public IReadOnlyList<string> Blacklist => Only<BlacklistCommand>().ConvertAll(static command => command.Module);

    /// <summary><c>alias</c> commands.</summary>
    public IReadOnlyList<AliasCommand> Aliases => Only<AliasCommand>();

    /// <summary><c>options</c> commands, those of the kernel command line last.</summary>
    public IReadOnlyList<OptionsCommand> Options => Only<OptionsCommand>();

    /// <summary><c>install</c> commands.</summary>
    public IReadOnlyList<InstallCommand> InstallCommands => Only<InstallCommand>();

    /// <summary><c>remove</c> commands.</summary>
    public IReadOnlyList<RemoveCommand> RemoveCommands => Only<RemoveCommand>();

    /// <summary><c>softdep</c> commands.</summary>
    public IReadOnlyList<SoftDependencyCommand> SoftDependencies => Only<SoftDependencyCommand>();

    /// <summary><c>weakdep</c> commands.</summary>
    public IReadOnlyList<WeakDependencyCommand> WeakDependencies => Only<WeakDependencyCommand>();

    /// <summary><c>mask</c> commands.</summary>
    public IReadOnlyList<MaskCommand> Masks => Only<MaskCommand>();

    /// <summary>What was passed over because it could not be understood or read.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _problems ?? [];

    internal List<ConfigurationCommand> CommandList => _commands;

    /// <summary>Whether there are any <see cref="Problems"/>.</summary>
    public bool HasProblems => _problems is not null;

    private List<T> Only<T>()
        where T : ConfigurationCommand
    {
        var commands = new List<T>();
        foreach (var command in _commands)
        {
            if (command is T wanted)
            {
                commands.Add(wanted);
            }
        }
        return commands;
    }

    /// <summary>Reads all of a system's configuration.</summary>
    public static ModprobeConfiguration Load(ConfigurationSources sources)
    {
        var configuration = new ModprobeConfiguration();
        var files = new ConfigurationFiles();
        for (var i = 0; i < sources.Paths.Count; i++)
        {
            files.Add(sources.Paths[i]);
        }
        if (sources.ModuleDirectory is { } directory)
        {
            files.Add($"{directory}/modules.softdep");
            files.Add($"{directory}/modules.weakdep");
        }
        configuration._problems = files.Problems;
        if (sources.DeprecatedFile is { } old && HostFiles.Exists(old))
        {
            configuration.AddProblem(new(ConfigurationProblemKind.DeprecatedFile, old, 0, "/etc/modprobe.d/"));
            configuration.AddFile(old, sources.UnderstandMask);
        }
        for (var i = 0; i < files.Paths.Count; i++)
        {
            configuration.AddFile(files.Paths[i], sources.UnderstandMask);
        }
        if (sources.KernelCommandLine is { } commandLine && configuration.Read(commandLine) is { } bytes)
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

    internal void Add(ConfigurationCommand command) => _commands.Add(command);

    internal void AddProblem(ConfigurationProblem problem) => (_problems ??= []).Add(problem);

    private void AddFile(string file, bool understandMask)
    {
        if (Read(file) is { } bytes)
        {
            AddLines(bytes, file, understandMask);
        }
    }

    private byte[]? Read(string file)
    {
        var bytes = ConfigurationFiles.Read(file, out var problem);
        if (problem is not null)
        {
            AddProblem(problem);
        }
        return bytes;
    }

    private void AddLines(byte[] bytes, string file, bool understandMask)
    {
        var lines = new ConfigurationLines(bytes);
        while (lines.Next())
        {
            ReadOnlySpan<char> rest = lines.Text;
            var word = ConfigurationLines.TakeWord(ref rest);
            if (word.IsEmpty)
            {
                continue;
            }
            if (word is "include" or "config")
            {
                AddProblem(new(ConfigurationProblemKind.DeprecatedCommand, file, lines.Number, word.ToString()));
            }
            else if (Command(word, rest, file, lines.Number) is { } command && (understandMask || command is not MaskCommand))
            {
                Add(command);
            }
            else
            {
                AddProblem(new(ConfigurationProblemKind.BadLine, file, lines.Number, word.ToString()));
            }
        }
    }

    /// <summary>The command that a line gives; null if it is none, or lacks an argument.</summary>
    private static ConfigurationCommand? Command(ReadOnlySpan<char> command, ReadOnlySpan<char> rest, string file, int line)
    {
        if (command is not ("alias" or "blacklist" or "options" or "install" or "remove" or "softdep" or "weakdep" or "mask") || TakeName(ref rest) is not { } name)
        {
            return null;
        }
        switch (command)
        {
            case "blacklist": return new BlacklistCommand(name);
            case "mask": return new MaskCommand(name, file, line);
            case "alias": return TakeName(ref rest) is { } module ? new AliasCommand(name, module) : null;
        }
        if (rest.IsEmpty)
        {
            return null;
        }
        return command switch
        {
            "options" => new OptionsCommand(name, WithoutTabs(rest)),
            "install" => new InstallCommand(name, rest.ToString()),
            "remove" => new RemoveCommand(name, rest.ToString()),
            "softdep" => SoftDependency(name, rest),
            _ => new WeakDependencyCommand(name, Words(rest)),
        };
    }

    private static string WithoutTabs(ReadOnlySpan<char> text)
    {
        var characters = text.ToArray();
        for (var i = 0; i < characters.Length; i++)
        {
            if (characters[i] == '\t')
            {
                characters[i] = ' ';
            }
        }
        return new(characters);
    }

    /// <summary>Takes a word and normalises it as an alias; null if there is none, or its brackets don't pair.</summary>
    private static string? TakeName(ref ReadOnlySpan<char> rest)
    {
        var word = ConfigurationLines.TakeWord(ref rest);
        return word.IsEmpty ? null : ModuleName.NormalizeAlias(word);
    }

    private static SoftDependencyCommand SoftDependency(string name, ReadOnlySpan<char> rest)
    {
        List<string> pre = [], post = [];
        List<string>? list = null;
        while (ConfigurationLines.TakeWord(ref rest) is { IsEmpty: false } word)
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
                    list?.Add(word.ToString());
                    break;
            }
        }
        return new(name, pre, post);
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
