using System.Globalization;
using System.Text;

namespace Lkm.RealLinux;

/// <summary>
/// What is said over the guest's serial port. To the guest, a line each: <c>begin</c>, commands follow; <c>text BASE64</c>, a part of a
/// command; <c>run SECONDS [required]</c>, run what was sent, unless a required one before it has failed; <c>file PATH BLOCKS BYTES</c>, after which gzip's
/// format follows in blocks. From the guest, between its other output: lines that
/// begin with <see cref="Mark"/>.
/// </summary>
public static class GuestProtocol
{
    /// <summary>What starts a line of the protocol.</summary>
    public const string Mark = "@@lkm@@";

    /// <summary>Init takes commands.</summary>
    internal const string Ready = $"{Mark} ready";

    /// <summary>The guest takes the next block of a file.</summary>
    internal const string Next = $"{Mark} next";

    /// <summary>The guest has the file.</summary>
    internal const string Taken = $"{Mark} taken";

    /// <summary>What <c>timeout</c> ends with when it had to end the command: 128 + SIGTERM.</summary>
    public const int TimedOut = 143;

    /// <summary>Bytes that are sent before the guest asks for more: what fits into its terminal's buffers (TTYB_DEFAULT_MEM_LIMIT).</summary>
    internal const int BlockSize = 32768;

    /// <summary>A terminal's line has at most 4,095 bytes (N_TTY_BUF_SIZE).</summary>
    private const int TextBytes = 2400;

    /// <summary>What the guest is told before commands of which one may be required.</summary>
    internal const string Begin = "begin";

    /// <summary>The lines that make the guest run a command.</summary>
    internal static string Ask(GuestCommand command, TimeSpan limit)
    {
        var lines = new StringBuilder();
        byte[] bytes = Encoding.UTF8.GetBytes($"{command.Text}\n");
        for (int at = 0; at < bytes.Length; at += TextBytes)
            lines.Append($"text {Convert.ToBase64String(bytes, at, Math.Min(TextBytes, bytes.Length - at))}\n");
        return lines.Append(CultureInfo.InvariantCulture, $"run {Math.Ceiling(limit.TotalSeconds)}{(command.IsRequired ? " required" : "")}\n").ToString();
    }

    /// <summary>Reads <c>&lt;6&gt;[    1.234567] text</c>.</summary>
    /// <returns>Null when the line is none.</returns>
    public static GuestLogLine? ReadLogLine(string line)
    {
        int level = line.IndexOf('>'), open = line.IndexOf('['), close = line.IndexOf(']');
        if (level < 2 || line[0] != '<' || open != level + 1 || close < open)
            return null;
        if (!int.TryParse(line.AsSpan(1, level - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int priority)
            || !double.TryParse(line.AsSpan(open + 1, close - open - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds))
            return null;
        string text = close + 2 <= line.Length ? line[(close + 2)..] : "";
        return new GuestLogLine(priority & 7, seconds, text);
    }
}
