namespace Lkm.Formats;

/// <summary>Why bytes could not be read: one clear sentence, where, and what Linux answers to the same bytes.</summary>
/// <param name="File">The file's name as the caller gave it, or null for bytes that have none.</param>
/// <param name="Offset">Offset in bytes of what is wrong, from the start of the (decompressed) file; -1 when no place can be
/// named.</param>
/// <param name="Reason">What is wrong, in lower case and without a final stop.</param>
/// <param name="Errno">What the kernel (or libkmod, for what the kernel never reads) returns.</param>
public sealed record FormatError(string? File, long Offset, string Reason, Errno Errno = Errno.ENOEXEC)
{
    /// <summary>The line that a real kernel logs for these bytes, without prefix and newline; null when it is silent.</summary>
    public string? KernelMessage { get; init; }

    /// <summary><c>file: reason (at offset 0x1c)</c>, for people.</summary>
    public override string ToString()
    {
        string text = Offset < 0 ? Reason : $"{Reason} (at offset 0x{Offset:x})";
        return File is null ? text : $"{File}: {text}";
    }
}
