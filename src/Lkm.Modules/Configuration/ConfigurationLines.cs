namespace Lkm.Modules;

/// <summary>
/// Splits a configuration file (modprobe.d, depmod.d) into lines as kmod does: a backslash before a line's end joins it with the next; before any
/// other character it vanishes. Lines end at a NUL. Lines that are empty or comments are passed over.
/// </summary>
internal sealed class ConfigurationLines(byte[] bytes)
{
    private byte[] _line = new byte[Math.Min(bytes.Length, 512)];
    private int _at;
    private int _ended;

    /// <summary>The line that <see cref="Next"/> found.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The number of the last physical line that takes part in it, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>Goes to the next line; false at the end.</summary>
    public bool Next()
    {
        while (_at < bytes.Length)
        {
            var length = Join();
            if (length > 0 && _line[0] != '#')
            {
                Text = LosslessText.Decode(_line.AsSpan(0, length));
                Number = _at == bytes.Length && bytes[^1] != '\n' ? _ended + 1 : _ended;
                return true;
            }
        }
        return false;
    }

    /// <summary>Takes the next word, separated by spaces and tabs; one separator behind it goes too. Empty at the end.</summary>
    public static ReadOnlySpan<char> TakeWord(ref ReadOnlySpan<char> rest)
    {
        var start = 0;
        while (start < rest.Length && rest[start] is ' ' or '\t')
        {
            start++;
        }
        var end = start;
        while (end < rest.Length && rest[end] is not (' ' or '\t'))
        {
            end++;
        }
        var word = rest[start..end];
        rest = end < rest.Length ? rest[(end + 1)..] : default;
        return word;
    }

    /// <summary>Puts the physical lines of the next line together; the result is the length, up to a NUL.</summary>
    private int Join()
    {
        int length = 0, visible = -1;
        while (_at < bytes.Length)
        {
            var c = bytes[_at++];
            if (c == '\n')
            {
                _ended++;
                break;
            }
            if (c == '\\')
            {
                if (_at == bytes.Length)
                {
                    break;
                }
                c = bytes[_at++];
                if (c == '\n')
                {
                    _ended++;
                    continue;
                }
            }
            if (c == 0 && visible < 0)
            {
                visible = length;
            }
            if (length == _line.Length)
            {
                Array.Resize(ref _line, _line.Length * 2);
            }
            _line[length++] = c;
        }
        return visible < 0 ? length : visible;
    }
}
