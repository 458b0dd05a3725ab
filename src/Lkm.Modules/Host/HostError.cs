using Lkm.Formats;

namespace Lkm.Modules.Host;

/// <summary>Error numbers of the host behind .NET's exceptions, which keep them in different places or not at all.</summary>
internal static class HostError
{
    /// <summary>The error number that the host's call gave.</summary>
    public static Errno Of(Exception exception) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => Errno.ENOENT,
        UnauthorizedAccessException => Errno.EACCES,
        PathTooLongException => Errno.ENAMETOOLONG,
        // On Unix .NET puts the plain error number here when it has no exception of its own for it.
        IOException { HResult: > 0 and < 200 } io => (Errno)io.HResult,
        _ => Errno.EIO,
    };

    /// <summary>The words of <c>strerror(3)</c> for it.</summary>
    public static string Describe(Exception exception) => Of(exception).Message();
}
