using System.Text;

namespace Lkm.Formats.Modules;

/// <summary>One <c>key=value</c> string of .modinfo.</summary>
public sealed class ModuleInfoEntry
{
    private readonly ReadOnlyMemory<byte> _text;
    private readonly int _keyLength;

    internal ModuleInfoEntry(ReadOnlyMemory<byte> text)
    {
        _text = text;
        int equals = text.Span.IndexOf((byte)'=');
        _keyLength = equals < 0 ? text.Length : equals;
    }

    /// <summary>The whole string as it stands in the file.</summary>
    public ReadOnlySpan<byte> TextUtf8 => _text.Span;

    /// <summary>What stands before the first '='; the whole string when there is none.</summary>
    public ReadOnlySpan<byte> KeyUtf8 => _text.Span[.._keyLength];

    /// <summary>What stands behind the first '='; empty when there is none.</summary>
    public ReadOnlySpan<byte> ValueUtf8 => _keyLength == _text.Length ? default : _text.Span[(_keyLength + 1)..];

    /// <summary>The key.</summary>
    public string Key => Encoding.UTF8.GetString(KeyUtf8);

    /// <summary>The value.</summary>
    public string Value => Encoding.UTF8.GetString(ValueUtf8);

    /// <summary>The whole string.</summary>
    public override string ToString() => Encoding.UTF8.GetString(TextUtf8);
}

/// <summary>
/// The strings of a module's .modinfo section, in file order. Any bytes are a valid section: strings are what lies between NULs
/// (next_string() of kernel/module/main.c).
/// </summary>
public sealed class ModuleInfo
{
    /// <summary>Name of the section.</summary>
    public const string SectionName = ".modinfo";

    private readonly ModuleInfoEntry[] _entries;

    private ModuleInfo(ModuleInfoEntry[] entries) => _entries = entries;

    /// <summary>All strings, in file order.</summary>
    public IReadOnlyList<ModuleInfoEntry> Entries => _entries;

    /// <summary>The first value of a key, or null: the kernel's get_modinfo().</summary>
    public string? this[ReadOnlySpan<byte> key]
    {
        get
        {
            foreach (ModuleInfoEntry entry in _entries)
            {
                if (entry.KeyUtf8.SequenceEqual(key) && entry.TextUtf8.Length > key.Length)
                    return entry.Value;
            }

            return null;
        }
    }

    /// <summary>The first value of a key, or null.</summary>
    public string? this[string key] => this[Encoding.UTF8.GetBytes(key).AsSpan()];

    /// <summary>All values of a key, in file order.</summary>
    public List<string> All(ReadOnlySpan<byte> key)
    {
        var values = new List<string>();
        foreach (ModuleInfoEntry entry in _entries)
        {
            if (entry.KeyUtf8.SequenceEqual(key) && entry.TextUtf8.Length > key.Length)
                values.Add(entry.Value);
        }

        return values;
    }

    /// <summary>Splits a section into its strings.</summary>
    public static ModuleInfo Parse(ReadOnlyMemory<byte> section)
    {
        var entries = new List<ModuleInfoEntry>();
        int at = 0;
        while (at < section.Length)
        {
            int length = section.Span[at..].IndexOf((byte)0);
            if (length < 0)
                length = section.Length - at;
            if (length > 0)
                entries.Add(new ModuleInfoEntry(section.Slice(at, length)));
            at += length + 1;
        }

        return new ModuleInfo([.. entries]);
    }
}
