using Lkm.Cli.CommandLine;
using Lkm.Cli.Daemon;

namespace Lkm.Cli.Commands;

/// <summary>The <c>--name</c> option of the commands about a kernel that stays.</summary>
internal static class NameOption
{
    /// <summary>The option.</summary>
    public static CommandOption Option { get; } = new("--name", "NAME", $"the kernel's name (default \"{DaemonPlace.DefaultName}\")");
}
