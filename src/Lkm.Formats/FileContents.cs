namespace Lkm.Formats;

/// <summary>Reads files whole, with failures as values.</summary>
public static class FileContents
{
    /// <summary>The bytes of a file, or why they cannot be had: ENOENT, EISDIR, EACCES, EFBIG (beyond 2 GB), else EIO.</summary>
    public static Result<byte[]> Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Errno errno = exception switch
            {
                FileNotFoundException => Errno.ENOENT,
                DirectoryNotFoundException => Errno.ENOENT,
                UnauthorizedAccessException => Directory.Exists(path) ? Errno.EISDIR : Errno.EACCES,
                _ => File.Exists(path) && new FileInfo(path).Length > Array.MaxLength ? Errno.EFBIG : Errno.EIO,
            };
            return new FormatError(path, -1, $"cannot be read: {errno.Message()}", errno);
        }
    }
}
