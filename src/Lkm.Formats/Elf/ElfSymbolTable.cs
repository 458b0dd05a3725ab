using System.Text;

namespace Lkm.Formats.Elf;

/// <summary>
/// A symbol table whose names and section indices were checked when it was opened, so that nothing here can fail.
/// Symbols are decoded when asked for.
/// </summary>
public sealed class ElfSymbolTable
{
    /// <summary>
    /// KSYM_NAME_LEN since Linux 6.1, less the final NUL. Names may share bytes, so that without a bound a small file could
    /// hold any amount of text.
    /// </summary>
    private const int MaxNameLength = 511;

    private readonly ElfLayout _layout;
    private readonly ReadOnlyMemory<byte> _entries;
    private readonly ReadOnlyMemory<byte> _strings;

    private ElfSymbolTable(ElfLayout layout, ReadOnlyMemory<byte> entries, ReadOnlyMemory<byte> strings)
    {
        _layout = layout;
        _entries = entries;
        _strings = strings;
        Count = entries.Length / layout.SymbolSize;
    }

    /// <summary>Number of symbols, the null symbol at index 0 included.</summary>
    public int Count { get; }

    /// <summary>Decodes a symbol.</summary>
    public ElfSymbol this[int index]
    {
        get
        {
            ReadOnlySpan<byte> entry = _entries.Span.Slice(checked(index * _layout.SymbolSize), _layout.SymbolSize);
            return _layout.Is64
                ? new ElfSymbol(_layout.U32(entry, 0), entry[4], entry[5], _layout.U16(entry, 6), _layout.U64(entry, 8), _layout.U64(entry, 16))
                : new ElfSymbol(_layout.U32(entry, 0), entry[12], entry[13], _layout.U16(entry, 14), _layout.U32(entry, 4), _layout.U32(entry, 8));
        }
    }

    /// <summary>The bytes of a symbol's name, without the final NUL.</summary>
    public ReadOnlySpan<byte> NameUtf8(in ElfSymbol symbol)
    {
        ReadOnlySpan<byte> tail = _strings.Span[(int)symbol.NameOffset..];
        return tail[..tail.IndexOf((byte)0)];
    }

    /// <summary>A symbol's name.</summary>
    public string Name(in ElfSymbol symbol) => Encoding.UTF8.GetString(NameUtf8(symbol));

    /// <summary>Looks a name up from the front; false when no symbol carries it.</summary>
    public bool TryFind(ReadOnlySpan<byte> name, out ElfSymbol symbol)
    {
        for (int i = 1; i < Count; i++)
        {
            symbol = this[i];
            if (NameUtf8(symbol).SequenceEqual(name))
                return true;
        }

        symbol = default;
        return false;
    }

    internal static Result<ElfSymbolTable> Open(ElfFile file, ElfSection section)
    {
        if (section.Link == 0 || section.Link >= file.Sections.Count)
            return file.Fail(section.HeaderOffset, $"symbol table {section.Name} names section {section.Link} as its string table, "
                + $"and there are {file.Sections.Count} sections");

        ElfSection strings = file.Sections[(int)section.Link];
        if (strings.Data.IsEmpty || strings.Data.Span[^1] != 0)
            return file.Fail((long)strings.Offset, $"string table {strings.Name} does not end with a NUL byte");

        var table = new ElfSymbolTable(file.Layout, section.Data, strings.Data);
        for (int i = 0; i < table.Count; i++)
        {
            ElfSymbol symbol = table[i];
            long offset = (long)section.Offset + i * (long)file.Layout.SymbolSize;
            if (symbol.NameOffset >= strings.Data.Length)
                return file.Fail(offset, $"name of symbol {i} starts at 0x{symbol.NameOffset:x}, beyond the end of {strings.Name}");
            if (!strings.Data.Span.Slice((int)symbol.NameOffset, Math.Min(strings.Data.Length - (int)symbol.NameOffset, MaxNameLength + 1)).Contains((byte)0))
                return file.Fail(offset, $"name of symbol {i} is longer than {MaxNameLength} bytes");
            if (symbol.Section < SectionIndex.LowReserve && symbol.Section >= file.Sections.Count)
                return file.Fail(offset, $"symbol {i} ({table.Name(symbol)}) lies in section {symbol.Section}, "
                    + $"and there are {file.Sections.Count} sections");
        }

        return table;
    }
}
