namespace Lkm.Modules;

/// <summary>Where a modprobe configuration is read from.</summary>
public sealed record ConfigurationSources
{
    /// <summary>Directories, whose <c>*.conf</c> files count, and single files; of files with the same name the first counts.</summary>
    public IReadOnlyList<string> Paths { get; init; } = [];

    /// <summary>The module directory whose <c>modules.softdep</c> and <c>modules.weakdep</c> take part; null for none.</summary>
    public string? ModuleDirectory { get; init; }

    /// <summary>The file that holds the kernel's command line; null for none. A missing file is no problem.</summary>
    public string? KernelCommandLine { get; init; }

    /// <summary>A single file of former times that is read before all others, with a warning; null for none.</summary>
    public string? DeprecatedFile { get; init; }

    /// <summary>Whether lkm's own command <c>mask</c> is understood; kmod ignores it as a bad line.</summary>
    public bool UnderstandMask { get; init; } = true;

    /// <summary>The places where a Linux system has its configuration.</summary>
    /// <param name="moduleDirectory">The module directory in use, for example <c>/lib/modules/6.1.0-56-amd64</c>.</param>
    /// <param name="root">What stands before the paths, for a system that is not at <c>/</c>; no slash at its end.</param>
    public static ConfigurationSources ForSystem(string? moduleDirectory, string root = "") => new()
    {
        Paths = ConfigurationFiles.Below(root, "modprobe.d"),
        ModuleDirectory = moduleDirectory,
        KernelCommandLine = $"{root}/proc/cmdline",
        DeprecatedFile = $"{root}/etc/modprobe.conf",
    };
}
