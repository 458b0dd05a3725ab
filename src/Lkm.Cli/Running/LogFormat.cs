using System.Globalization;
using System.Text;

namespace Lkm.Cli.Running;

/// <summary>Writes messages as dmesg does: <c>[    1.234567] hello: Hello, World!</c>, with the stamp on each line.</summary>
internal static class LogFormat
{
    /// <summary>The lines of a message, each ended.</summary>
    public static string Format(LogMessage message)
    {
        string stamp = Stamp(message.Nanoseconds / 1000);
        var text = new StringBuilder();
        foreach (string line in message.Text.Split('\n'))
            text.Append(stamp).Append(line).Append('\n');
        return text.ToString();
    }

    /// <summary>As <c>"[%5lu.%06lu] "</c>. Written out: padding by format makes code at run time, which takes longer than all of the rest.</summary>
    private static string Stamp(long microseconds)
    {
        string seconds = (microseconds / 1_000_000).ToString(CultureInfo.InvariantCulture);
        string fraction = (1_000_000 + (microseconds % 1_000_000)).ToString(CultureInfo.InvariantCulture);
        return string.Concat(string.Concat("[", "     "[Math.Min(5, seconds.Length)..], seconds), ".", fraction[1..], "] ");
    }
}
