namespace Lkm.Modules;

/// <summary>
/// Splits a configuration file (modprobe.d, depmod.d) into lines as kmod does: a backslash before a line's end joins it with the next; before any
/// other character it vanishes. Lines end at a NUL.
/// </summary>
internal static class ConfigurationLines
{
    /// <summary>Each line that is neither empty nor a comment, with the number of the last physical line that it takes part in.</summary>
    public static IEnumerable<(string Text, int Number)> Read(byte[] bytes)
    {
        var line = new byte[Math.Min(bytes.Length, 512)];
        var number = 0;
        for (var at = 0; at < bytes.Length;)
        {
            var length = 0;
            while (at < bytes.Length)
            {
                var c = bytes[at++];
                if (c == '\n')
                {
                    number++;
                    break;
                }
                if (c == '\\')
                {
                    if (at == bytes.Length)
                    {
                        break;
                    }
                    c = bytes[at++];
                    if (c == '\n')
                    {
                        number++;
                        continue;
                    }
                }
                if (length == line.Length)
                {
                    Array.Resize(ref line, line.Length * 2);
                }
                line[length++] = c;
            }
            var end = line.AsSpan(0, length).IndexOf((byte)0);
            length = end < 0 ? length : end;
            if (length > 0 && line[0] != '#')
            {
                yield return (LosslessText.Decode(line.AsSpan(0, length)), at == bytes.Length && bytes[^1] != '\n' ? number + 1 : number);
            }
        }
    }

    /// <summary>Takes the next word, separated by spaces and tabs; one separator behind it goes too. Empty at the end.</summary>
    public static ReadOnlySpan<char> TakeWord(ref ReadOnlySpan<char> rest)
    {
        rest = rest.TrimStart(" \t");
        var end = rest.IndexOfAny(' ', '\t');
        var word = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[(end + 1)..];
        return word;
    }
}
