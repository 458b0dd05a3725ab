namespace Lkm.Cli.Tools;

/// <summary>Paths that users give.</summary>
internal static class ToolPaths
{
    /// <summary>The path with the working directory before it unless it is absolute. As kmod does it, nothing else changes: messages show it.</summary>
    public static string Absolute(string path) => path is ['/', ..] ? path : $"{Environment.CurrentDirectory}/{path}";
}
