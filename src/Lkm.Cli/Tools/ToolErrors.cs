using Lkm.Formats;

namespace Lkm.Cli.Tools;

/// <summary>The C library's words for what went wrong.</summary>
internal static class ToolErrors
{
    /// <summary>The words for an exception of the file system.</summary>
    public static string Describe(Exception exception) => (exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => Errno.ENOENT,
        UnauthorizedAccessException => Errno.EACCES,
        IOException { HResult: > 0 and < 200 } io => (Errno)io.HResult,
        _ => Errno.EIO,
    }).Message();
}
