using Lkm.Cli.CommandLine;
using Lkm.Cli.Tools;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm depmod</c>: depmod(8), which needs no kernel.</summary>
internal static class DepmodCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = Name,
        Summary = "Write the files that modprobe finds modules by: dependencies, aliases, symbols",
        RunWords = words => ToolNames.RunImproved(Name, words),
    };

    private const string Name = "depmod";
}
