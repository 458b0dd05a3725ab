namespace Lkm.Kernel.Shell;

/// <summary>The environment that programs are started with.</summary>
internal static class ShellEnvironment
{
    /// <summary>Each as NAME=VALUE.</summary>
    public static IReadOnlyList<string> Variables { get; } = ["HOME=/root", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "TERM=linux"];
}
