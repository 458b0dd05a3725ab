namespace Lkm.Modules;

/// <summary>A line of modprobe.d(5).</summary>
public abstract class ConfigurationCommand
{
    private protected ConfigurationCommand()
    {
    }
}

/// <summary><c>alias PATTERN MODULE</c>: names that fit the pattern mean the module.</summary>
/// <param name="pattern">A <see cref="Wildcard"/> pattern, normalised.</param>
/// <param name="module">The module's name, normalised.</param>
public sealed class AliasCommand(string pattern, string module) : ConfigurationCommand
{
    /// <summary>A <see cref="Wildcard"/> pattern, normalised.</summary>
    public string Pattern { get; } = pattern;

    /// <summary>The module's name, normalised.</summary>
    public string Module { get; } = module;
}

/// <summary><c>blacklist MODULE</c>: the module's aliases are ignored.</summary>
/// <param name="module">The module's name, normalised.</param>
public sealed class BlacklistCommand(string module) : ConfigurationCommand
{
    /// <summary>The module's name, normalised.</summary>
    public string Module { get; } = module;
}

/// <summary><c>options MODULE OPTIONS</c>: parameters for each time the module is inserted.</summary>
/// <param name="module">The name of a module, or an alias that it may be asked for by.</param>
/// <param name="options">The rest of the line, as it stands there (tabs made spaces).</param>
public sealed class OptionsCommand(string module, string options) : ConfigurationCommand
{
    /// <summary>The name of a module, or an alias that it may be asked for by.</summary>
    public string Module { get; } = module;

    /// <summary>The rest of the line, as it stands there (tabs made spaces).</summary>
    public string Options { get; } = options;
}

/// <summary>What to run instead of inserting or removing a module.</summary>
/// <param name="pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="command">A command line for the shell.</param>
public abstract class ShellCommand(string pattern, string command) : ConfigurationCommand
{
    /// <summary>A <see cref="Wildcard"/> pattern for module names.</summary>
    public string Pattern { get; } = pattern;

    /// <summary>A command line for the shell.</summary>
    public string Command { get; } = command;
}

/// <summary><c>install PATTERN COMMAND</c>: what to run instead of inserting.</summary>
/// <inheritdoc/>
public sealed class InstallCommand(string pattern, string command) : ShellCommand(pattern, command);

/// <summary><c>remove PATTERN COMMAND</c>: what to run instead of removing.</summary>
/// <inheritdoc/>
public sealed class RemoveCommand(string pattern, string command) : ShellCommand(pattern, command);

/// <summary><c>softdep PATTERN pre: MODULES post: MODULES</c>: modules to insert before and after, if they are there.</summary>
/// <param name="pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="pre">Names or aliases to insert before the module.</param>
/// <param name="post">Names or aliases to insert after it.</param>
public sealed class SoftDependencyCommand(string pattern, IReadOnlyList<string> pre, IReadOnlyList<string> post) : ConfigurationCommand
{
    /// <summary>A <see cref="Wildcard"/> pattern for module names.</summary>
    public string Pattern { get; } = pattern;

    /// <summary>Names or aliases to insert before the module.</summary>
    public IReadOnlyList<string> Pre { get; } = pre;

    /// <summary>Names or aliases to insert after it.</summary>
    public IReadOnlyList<string> Post { get; } = post;
}

/// <summary><c>weakdep PATTERN MODULES</c>: modules that it may ask for later; for tools that gather modules, never inserted because of this.</summary>
/// <param name="pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="modules">Names of modules.</param>
public sealed class WeakDependencyCommand(string pattern, IReadOnlyList<string> modules) : ConfigurationCommand
{
    /// <summary>A <see cref="Wildcard"/> pattern for module names.</summary>
    public string Pattern { get; } = pattern;

    /// <summary>Names of modules.</summary>
    public IReadOnlyList<string> Modules { get; } = modules;
}

/// <summary><c>mask PATTERN</c>, an lkm command: the module is not inserted, whoever asks for it and by whatever name.</summary>
/// <param name="pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="file">The file that says so.</param>
/// <param name="line">The line in that file, from 1.</param>
public sealed class MaskCommand(string pattern, string file, int line) : ConfigurationCommand
{
    /// <summary>A <see cref="Wildcard"/> pattern for module names.</summary>
    public string Pattern { get; } = pattern;

    /// <summary>The file that says so.</summary>
    public string File { get; } = file;

    /// <summary>The line in that file, from 1.</summary>
    public int Line { get; } = line;
}

/// <summary>What was wrong with a part of the configuration; reading goes on after it.</summary>
public enum ConfigurationProblemKind
{
    /// <summary>A line that is no command, or lacks an argument.</summary>
    BadLine,

    /// <summary>A command that modprobe knew once: <c>include</c> or <c>config</c>.</summary>
    DeprecatedCommand,

    /// <summary>A directory within a configuration directory.</summary>
    NestedDirectory,

    /// <summary>A file that exists and can't be read.</summary>
    Unreadable,

    /// <summary>A file that is still read where nothing should be: <c>/etc/modprobe.conf</c>.</summary>
    DeprecatedFile,

    /// <summary>A parameter on the kernel command line whose module's name is no name.</summary>
    BadKernelParameter,
}

/// <summary>A problem met in reading configuration.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="File">The file or directory.</param>
/// <param name="Line">The line, from 1; 0 where the file as a whole is meant.</param>
/// <param name="Subject">The word that the line starts with, the parameter, or the reason.</param>
public sealed record ConfigurationProblem(ConfigurationProblemKind Kind, string File, int Line, string Subject)
{
    /// <summary>kmod's words for it.</summary>
    public override string ToString() => Kind switch
    {
        ConfigurationProblemKind.BadLine => $"{File} line {Line}: ignoring bad line starting with '{Subject}'",
        ConfigurationProblemKind.DeprecatedCommand => $"{File}: command {Subject} is deprecated and not parsed anymore",
        ConfigurationProblemKind.NestedDirectory => $"Directories inside directories are not supported: {File}",
        ConfigurationProblemKind.DeprecatedFile => $"Deprecated config file {File}, all config files belong into {Subject}.",
        ConfigurationProblemKind.BadKernelParameter => $"Ignoring bad option on kernel command line while parsing module name: '{Subject}'",
        _ => $"{File}: {Subject}",
    };
}
