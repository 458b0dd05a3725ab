using Lkm.Modules.Host;

namespace Lkm.Cli.Tools;

/// <summary>What the kernel logged about the module that it has just refused.</summary>
internal static class KernelReason
{
    /// <summary>The kernel's last line in brackets, with a space before it; empty if its log can't be read, or kmod's output is wanted.</summary>
    public static string For(ToolContext context) =>
        context.IsStrict || context.Host.LastKernelMessage is not { } message ? "" : $" ({message})";
}
