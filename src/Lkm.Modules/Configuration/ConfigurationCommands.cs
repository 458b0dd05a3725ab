namespace Lkm.Modules;

/// <summary><c>alias PATTERN MODULE</c>: names that fit the pattern mean the module.</summary>
/// <param name="Pattern">A <see cref="Wildcard"/> pattern, normalised.</param>
/// <param name="Module">The module's name, normalised.</param>
public sealed record AliasCommand(string Pattern, string Module);

/// <summary><c>options MODULE OPTIONS</c>: parameters for each time the module is inserted.</summary>
/// <param name="Module">The name of a module, or an alias that it may be asked for by.</param>
/// <param name="Options">The rest of the line, as it stands there (tabs made spaces).</param>
public sealed record OptionsCommand(string Module, string Options);

/// <summary><c>install PATTERN COMMAND</c> or <c>remove PATTERN COMMAND</c>: what to run instead of inserting or removing.</summary>
/// <param name="Pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="Command">A command line for the shell.</param>
public sealed record ShellCommand(string Pattern, string Command);

/// <summary><c>softdep PATTERN pre: MODULES post: MODULES</c>: modules to insert before and after, if they are there.</summary>
/// <param name="Pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="Pre">Names or aliases to insert before the module.</param>
/// <param name="Post">Names or aliases to insert after it.</param>
public sealed record SoftDependencyCommand(string Pattern, IReadOnlyList<string> Pre, IReadOnlyList<string> Post);

/// <summary><c>weakdep PATTERN MODULES</c>: modules that it may ask for later; for tools that gather modules, never inserted because of this.</summary>
/// <param name="Pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="Modules">Names of modules.</param>
public sealed record WeakDependencyCommand(string Pattern, IReadOnlyList<string> Modules);

/// <summary><c>mask PATTERN</c>, an lkm command: the module is not inserted, whoever asks for it and by whatever name.</summary>
/// <param name="Pattern">A <see cref="Wildcard"/> pattern for module names.</param>
/// <param name="File">The file that says so.</param>
/// <param name="Line">The line in that file, from 1.</param>
public sealed record MaskCommand(string Pattern, string File, int Line);

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
