namespace Lkm.Kernel.Printing;

/// <summary>One record of the kernel log.</summary>
/// <param name="Nanoseconds">When it was written, in nanoseconds of virtual time.</param>
/// <param name="Level">Its severity, 0 (emergency) to 7 (debug): KERN_EMERG to KERN_DEBUG.</param>
/// <param name="Text">The text, without the newline at its end.</param>
/// <param name="Phase">What lkm was doing then, e.g. "load"; null during boot.</param>
public sealed record LogRecord(long Nanoseconds, int Level, string Text, string? Phase)
{
    /// <summary>The record as dmesg prints it: a stamp before each line of the text.</summary>
    public string Format()
    {
        var stamp = $"[{Nanoseconds / 1_000_000_000,5}.{Nanoseconds / 1000 % 1_000_000:d6}] ";
        return Text.Contains('\n') ? stamp + Text.Replace("\n", "\n" + stamp) : stamp + Text;
    }
}
