using Microsoft.Win32.SafeHandles;

namespace Lkm.Formats;

/// <summary>Reads files whole, with failures as values.</summary>
public static class FileContents
{
    /// <summary>Greatest size in bytes of a file that is read: 1 GiB. Devices have no end of their own.</summary>
    public const int Limit = 1 << 30;

    private const int SmallestBuffer = 64 * 1024;

    /// <summary>
    /// The bytes of a file, or why they cannot be had: ENOENT, EISDIR, EACCES, EFBIG (beyond <see cref="Limit"/>), else EIO.
    /// </summary>
    public static Result<byte[]> Read(string path)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            long length = RandomAccess.GetLength(file); // 0 of what has none
            if (length > Limit)
                return Fail(path, Errno.EFBIG);

            // Files of /proc state no length, and a file may grow while it is read.
            byte[] bytes = new byte[length > 0 ? length : SmallestBuffer];
            int filled = 0;
            while (filled < length || length == 0)
            {
                if (filled == bytes.Length)
                    Array.Resize(ref bytes, bytes.Length * 2);
                int read = RandomAccess.Read(file, bytes.AsSpan(filled), filled);
                if (read == 0)
                    break;
                filled += read;
                if (filled >= Limit)
                    return Fail(path, Errno.EFBIG);
            }

            Array.Resize(ref bytes, filled);
            return bytes;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Fail(path, exception switch
            {
                FileNotFoundException or DirectoryNotFoundException or ArgumentException => Errno.ENOENT,
                UnauthorizedAccessException => Directory.Exists(path) ? Errno.EISDIR : Errno.EACCES,
                _ => Errno.EIO,
            });
        }
    }

    private static FormatError Fail(string path, Errno errno) => new(path, -1, $"cannot be read: {errno.Message()}", errno);
}
