using System.Globalization;
using System.Text;

namespace Lkm.Cli.Running;

/// <summary>Writes messages as dmesg does: <c>[    1.234567] hello: Hello, World!</c>, with the stamp on each line.</summary>
internal static class LogFormat
{
    /// <summary>The lines of a message, each ended.</summary>
    public static string Format(LogMessage message)
    {
        long microseconds = message.Nanoseconds / 1000;
        string stamp = string.Create(CultureInfo.InvariantCulture, $"[{microseconds / 1_000_000,5}.{microseconds % 1_000_000:D6}] ");
        var text = new StringBuilder();
        foreach (string line in message.Text.Split('\n'))
            text.Append(stamp).Append(line).Append('\n');
        return text.ToString();
    }
}
