namespace Lkm.Formats.Elf;

/// <summary>One relocation.</summary>
/// <param name="Offset">Where it applies, in bytes from the start of the target section (r_offset).</param>
/// <param name="Type">Type, of the file's machine; on x86-64 an <see cref="X86RelocationType"/>.</param>
/// <param name="Symbol">Index in the symbol table.</param>
/// <param name="Addend">Constant (r_addend); 0 for relocations that keep it in place (SHT_REL).</param>
public readonly record struct ElfRelocation(ulong Offset, uint Type, int Symbol, long Addend)
{
    /// <summary>The type, on x86-64.</summary>
    public X86RelocationType X86Type => (X86RelocationType)Type;
}

/// <summary>
/// The relocations of one section, checked when opened: every place lies inside the target section and every symbol exists.
/// </summary>
public sealed class ElfRelocationTable
{
    private readonly ElfLayout _layout;
    private readonly ReadOnlyMemory<byte> _entries;
    private readonly int _entrySize;

    private ElfRelocationTable(ElfLayout layout, ElfSection section, ElfSection target, ElfSymbolTable symbols)
    {
        _layout = layout;
        _entries = section.Data;
        _entrySize = section.Type == SectionType.Rela ? layout.RelaSize : layout.RelSize;
        Section = section;
        Target = target;
        Symbols = symbols;
        Count = section.Data.Length / _entrySize;
    }

    /// <summary>The section that holds the relocations.</summary>
    public ElfSection Section { get; }

    /// <summary>The section they apply to.</summary>
    public ElfSection Target { get; }

    /// <summary>The symbols they name.</summary>
    public ElfSymbolTable Symbols { get; }

    /// <summary>Number of relocations.</summary>
    public int Count { get; }

    /// <summary>Decodes a relocation.</summary>
    public ElfRelocation this[int index]
    {
        get
        {
            ReadOnlySpan<byte> entry = _entries.Span.Slice(checked(index * _entrySize), _entrySize);
            bool hasAddend = Section.Type == SectionType.Rela;
            if (_layout.Is64)
            {
                ulong info = _layout.U64(entry, 8);
                return new ElfRelocation(_layout.U64(entry, 0), (uint)info, (int)(info >> 32), hasAddend ? (long)_layout.U64(entry, 16) : 0);
            }

            uint info32 = _layout.U32(entry, 4);
            return new ElfRelocation(_layout.U32(entry, 0), info32 & 0xff, (int)(info32 >> 8), hasAddend ? (int)_layout.U32(entry, 8) : 0);
        }
    }

    internal static Result<ElfRelocationTable> Open(ElfFile file, ElfSection section)
    {
        if (section.Type is not (SectionType.Rela or SectionType.Rel))
            return file.Fail(section.HeaderOffset, $"section {section.Name} holds no relocations");
        if (section.Info == 0 || section.Info >= file.Sections.Count)
            return file.Fail(section.HeaderOffset, $"relocations {section.Name} apply to section {section.Info}, "
                + $"and there are {file.Sections.Count} sections");
        if (section.Link >= file.Sections.Count || file.Sections[(int)section.Link].Type != SectionType.SymbolTable)
            return file.Fail(section.HeaderOffset, $"relocations {section.Name} name section {section.Link} as their symbol table, which it is not");
        if (!file.SymbolsOf(file.Sections[(int)section.Link]).TryGet(out ElfSymbolTable? symbols, out FormatError? error))
            return error;

        ElfSection target = file.Sections[(int)section.Info];
        var table = new ElfRelocationTable(file.Layout, section, target, symbols);
        bool isX86 = file.Machine == ElfMachine.X86_64;
        for (int i = 0; i < table.Count; i++)
        {
            ElfRelocation relocation = table[i];
            ulong width = isX86 ? (ulong)relocation.X86Type.Width() : 1;
            long offset = (long)section.Offset + i * (long)table._entrySize;
            if ((uint)relocation.Symbol >= (uint)symbols.Count)
                return file.Fail(offset, $"relocation {i} of {section.Name} names symbol {(uint)relocation.Symbol}, and there are {symbols.Count} symbols");
            if (relocation.Offset > target.Size || target.Size - relocation.Offset < width)
                return file.Fail(offset, $"relocation {i} of {section.Name} writes at 0x{relocation.Offset:x}, "
                    + $"beyond the 0x{target.Size:x} bytes of {target.Name}");
        }

        return table;
    }
}
