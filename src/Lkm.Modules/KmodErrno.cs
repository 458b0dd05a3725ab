using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>
/// kmod's error numbers for files that are no modules: EINVAL for files too short to be told apart and for damaged ELF files, ENOEXEC for what is
/// no ELF file at all. The kernel answers ENOEXEC to all of them.
/// </summary>
public static class KmodErrno
{
    /// <summary>Files shorter than this can't be told to be anything.</summary>
    public const int ShortestFile = 6;

    /// <summary>The error number for a file that could not be read as a module.</summary>
    /// <param name="error">Why it could not.</param>
    /// <param name="contents">The file's bytes, or the first few.</param>
    public static Errno Of(FormatError error, ReadOnlySpan<byte> contents) =>
        error.Errno == Errno.ENOEXEC && (contents.Length < ShortestFile || contents.StartsWith("\u007fELF"u8)) ? Errno.EINVAL : error.Errno;

    /// <summary>The same, for a file that is not at hand.</summary>
    public static Errno Of(FormatError error, string path)
    {
        if (error.Errno != Errno.ENOEXEC || SmallFile.Open(path, out var file) != Errno.OK)
        {
            return error.Errno;
        }
        using (file)
        {
            var start = new byte[ShortestFile];
            return Of(error, start.AsSpan(0, file.ReadStart(start)));
        }
    }
}
