using Lkm.Formats.Elf;

namespace Lkm.Formats.Tests.Builders;

/// <summary>
/// Writes ELF files for tests, of either class and byte order: sections in the order added, then symbols, strings and
/// relocations, then the section headers. Section numbers start at 1, symbol numbers too.
/// </summary>
public sealed class ElfBuilder
{
    private sealed record Section(string Name, SectionType Type, SectionFlags Flags, byte[] Data, ulong Address, int Alignment)
    {
        public ulong Size { get; init; } = (ulong)Data.Length;

        public uint Link { get; init; }

        public uint Info { get; init; }
    }

    private readonly List<Section> _sections = [];
    private readonly List<(string Name, int Section, ulong Value, ulong Size, byte Info)> _symbols = [];
    private readonly List<(int Target, ulong Offset, uint Type, int Symbol, long Addend)> _relocations = [];

    public bool Is64 { get; init; } = true;

    public bool IsBigEndian { get; init; }

    public ElfType Type { get; init; } = ElfType.Relocatable;

    public ElfMachine Machine { get; init; } = ElfMachine.X86_64;

    /// <summary>Adds a section and gives its number.</summary>
    public int AddSection(
        string name, ReadOnlySpan<byte> data, SectionFlags flags = SectionFlags.Alloc, SectionType type = SectionType.ProgramBits, ulong address = 0,
        int alignment = 8)
    {
        _sections.Add(new Section(name, type, flags, data.ToArray(), address, alignment));
        return _sections.Count;
    }

    /// <summary>Gives a section other contents of the same size.</summary>
    public void Replace(int section, byte[] data) => _sections[section - 1] = _sections[section - 1] with { Data = data };

    /// <summary>Adds a section without bytes in the file.</summary>
    public int AddNoBits(string name, ulong size)
    {
        _sections.Add(new Section(name, SectionType.NoBits, SectionFlags.Alloc | SectionFlags.Write, [], 0, 8) { Size = size });
        return _sections.Count;
    }

    /// <summary>Adds a symbol and gives its number.</summary>
    public int AddSymbol(
        string name, int section, ulong value = 0, SymbolBinding binding = SymbolBinding.Global, SymbolType type = SymbolType.None, ulong size = 0)
    {
        _symbols.Add((name, section, value, size, (byte)((int)binding << 4 | (int)type)));
        return _symbols.Count;
    }

    /// <summary>Adds a relocation with addend.</summary>
    public ElfBuilder AddRelocation(int targetSection, ulong offset, X86RelocationType type, int symbol, long addend = 0)
    {
        _relocations.Add((targetSection, offset, (uint)type, symbol, addend));
        return this;
    }

    /// <summary>The file.</summary>
    public byte[] Build()
    {
        var sections = new List<Section>(_sections);
        if (_symbols.Count > 0)
            AddSymbolSections(sections);
        var names = new ByteWriter().U8(0);
        var nameOffsets = new List<int>();
        foreach (string name in sections.Select(section => section.Name).Append(".shstrtab"))
        {
            nameOffsets.Add(names.Length);
            names.Text(name);
        }

        sections.Add(new Section(".shstrtab", SectionType.StringTable, 0, names.ToArray(), 0, 1));

        var layout = new ElfLayout(Is64, IsBigEndian);
        var contents = new ByteWriter(IsBigEndian).Bytes(new byte[layout.FileHeaderSize]);
        var offsets = new List<int>();
        foreach (Section section in sections)
        {
            contents.Align(section.Alignment);
            offsets.Add(contents.Length);
            contents.Bytes(section.Data);
        }

        contents.Align(8);
        int table = contents.Length;
        contents.Bytes(new byte[layout.SectionHeaderSize]);
        for (int i = 0; i < sections.Count; i++)
            WriteSectionHeader(contents, sections[i], nameOffsets[i], offsets[i]);

        byte[] file = contents.ToArray();
        FileHeader(layout, table, sections.Count + 1).CopyTo(file, 0);
        return file;
    }

    private int Word => Is64 ? 8 : 4;

    private void AddSymbolSections(List<Section> sections)
    {
        var strings = new ByteWriter().U8(0);
        var table = new ByteWriter(IsBigEndian).Bytes(new byte[Is64 ? 24 : 16]);
        foreach (var (name, section, value, size, info) in _symbols)
        {
            int nameAt = strings.Length;
            strings.Text(name);
            table.U32(nameAt);
            if (Is64)
                table.U8(info).U8(0).U16(section).U64(value).U64(size);
            else
                table.Number(value, 4).Number(size, 4).U8(info).U8(0).U16(section);
        }

        int symbolTable = sections.Count + 1;
        sections.Add(new Section(".symtab", SectionType.SymbolTable, 0, table.ToArray(), 0, 8) { Link = (uint)symbolTable + 1, Info = 1 });
        sections.Add(new Section(".strtab", SectionType.StringTable, 0, strings.ToArray(), 0, 1));
        foreach (var group in _relocations.GroupBy(relocation => relocation.Target))
        {
            var rela = new ByteWriter(IsBigEndian);
            foreach (var (_, offset, type, symbol, addend) in group)
                rela.U64(offset).U64((ulong)symbol << 32 | type).U64((ulong)addend);
            sections.Add(new Section($".rela{_sections[group.Key - 1].Name}", SectionType.Rela, SectionFlags.InfoLink, rela.ToArray(), 0, 8)
            {
                Link = (uint)symbolTable,
                Info = (uint)group.Key,
            });
        }
    }

    private void WriteSectionHeader(ByteWriter contents, Section section, int nameAt, int offset) => contents
        .U32(nameAt).U32((uint)section.Type).Number((ulong)section.Flags, Word).Number(section.Address, Word).Number((ulong)offset, Word)
        .Number(section.Size, Word).U32(section.Link).U32(section.Info).Number((ulong)section.Alignment, Word).Number(0, Word);

    private byte[] FileHeader(ElfLayout layout, int table, int count) => new ByteWriter(IsBigEndian)
        .Bytes("\u007fELF"u8).U8(Is64 ? 2 : 1).U8(IsBigEndian ? 2 : 1).U8(1).Bytes(new byte[9])
        .U16((int)Type).U16((int)Machine).U32(1).Number(0, Word).Number(0, Word).Number((ulong)table, Word).U32(0)
        .U16(layout.FileHeaderSize).U16(layout.ProgramHeaderSize).U16(0).U16(layout.SectionHeaderSize).U16(count).U16(count - 1)
        .ToArray();
}
