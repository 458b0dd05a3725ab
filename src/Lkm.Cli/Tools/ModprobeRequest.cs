using System.Globalization;
using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>What modprobe is asked to do.</summary>
internal sealed class ModprobeRequest
{
    public bool All, Remove, RemoveHolders, FirstTime, IgnoreCommands, UseBlacklist, ResolveOnly, ShowDependencies, ShowConfiguration, ShowVersions, ShowExports, DryRun, List, Json;
    public InsertFlags InsertFlags;
    public RemoveFlags RemoveFlags = RemoveFlags.NonBlocking;

    /// <summary>How long to wait for a module in use, in milliseconds.</summary>
    public int WaitMilliseconds;

    /// <summary>What to read instead of the system's configuration directories.</summary>
    public List<string> ConfigurationPaths = [];

    /// <summary>Where the tree with lib/modules is; null for the system's root.</summary>
    public string? Root;

    /// <summary>The kernel's version; null for that of the running kernel.</summary>
    public string? Version;

    /// <summary>What is not an option.</summary>
    public List<string> Operands = [];

    /// <summary>Takes note of what is done, for --json; null if nobody wants to know.</summary>
    public StepReport? Report;

    /// <summary>Takes the value of -w; false if it is no number.</summary>
    public bool TakeWait(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out WaitMilliseconds);
}
