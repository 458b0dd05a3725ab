namespace Lkm.Formats.Elf;

/// <summary>What a reader expects an ELF file to be.</summary>
public enum ElfKind
{
    /// <summary>Any class, byte order, machine and type: what modinfo and depmod read.</summary>
    Any,

    /// <summary>
    /// A module that an x86-64 kernel may load: checked as elf_validity_check() of kernel/module/main.c does, in its order.
    /// </summary>
    Module,

    /// <summary>A linked x86-64 kernel: vmlinux.</summary>
    Kernel,
}

/// <summary>One segment (Elf_Phdr).</summary>
/// <param name="Type">Kind (p_type).</param>
/// <param name="Flags">1 execute, 2 write, 4 read (p_flags).</param>
/// <param name="Offset">Offset in the file in bytes (p_offset).</param>
/// <param name="VirtualAddress">Address (p_vaddr).</param>
/// <param name="PhysicalAddress">Physical address (p_paddr).</param>
/// <param name="FileSize">Bytes in the file (p_filesz); they are known to lie inside it.</param>
/// <param name="MemorySize">Bytes in memory (p_memsz).</param>
/// <param name="Alignment">Alignment in bytes (p_align).</param>
public readonly record struct ElfSegment(
    SegmentType Type, uint Flags, ulong Offset, ulong VirtualAddress, ulong PhysicalAddress, ulong FileSize, ulong MemorySize, ulong Alignment);

/// <summary>
/// An ELF file: header and sections checked on opening, symbols and relocations when asked for. The bytes are not copied
/// and must not change while the file is in use.
/// </summary>
public sealed partial class ElfFile
{
    private readonly ElfSection[] _sections;
    private readonly ElfSymbolTable?[] _symbolTables;

    private ElfFile(string? name, ReadOnlyMemory<byte> bytes, ElfLayout layout, ElfType type, ElfMachine machine, ElfSection[] sections)
    {
        Name = name;
        Bytes = bytes;
        Layout = layout;
        Type = type;
        Machine = machine;
        _sections = sections;
        _symbolTables = new ElfSymbolTable?[sections.Length];
    }

    /// <summary>The file's name for error messages, or null.</summary>
    public string? Name { get; }

    /// <summary>The whole file.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Class and byte order.</summary>
    public ElfLayout Layout { get; }

    /// <summary>Type (e_type).</summary>
    public ElfType Type { get; }

    /// <summary>Machine (e_machine).</summary>
    public ElfMachine Machine { get; }

    /// <summary>Entry point (e_entry).</summary>
    public ulong EntryPoint => Layout.Word(Bytes.Span, 24, 24);

    /// <summary>All sections in file order; index 0 is the null section.</summary>
    public IReadOnlyList<ElfSection> Sections => _sections;

    /// <summary>
    /// The first section of this name, or null. Unlike the kernel's find_sec() it also finds sections that occupy no memory.
    /// </summary>
    public ElfSection? FindSection(ReadOnlySpan<byte> name)
    {
        foreach (ElfSection section in _sections)
        {
            if (section.NameUtf8.SequenceEqual(name))
                return section;
        }

        return null;
    }

    /// <summary>The first section of this name, or null.</summary>
    public ElfSection? FindSection(string name)
    {
        foreach (ElfSection section in _sections)
        {
            if (section.Name == name)
                return section;
        }

        return null;
    }

    /// <summary>The first section of this type, or null.</summary>
    public ElfSection? FindSection(SectionType type) => Array.Find(_sections, section => section.Type == type);

    /// <summary>The file's symbol table (the first SHT_SYMTAB section); null as value when it has none.</summary>
    public Result<ElfSymbolTable?> Symbols()
    {
        if (FindSection(SectionType.SymbolTable) is not { } section)
            return default(Result<ElfSymbolTable?>);
        return SymbolsOf(section).TryGet(out ElfSymbolTable? symbols, out FormatError? error) ? symbols : error;
    }

    /// <summary>Opens a section's relocations.</summary>
    public Result<ElfRelocationTable> Relocations(ElfSection section) => ElfRelocationTable.Open(this, section);

    /// <summary>Opens the relocations that apply to a section; null as value when there are none.</summary>
    public Result<ElfRelocationTable?> RelocationsFor(ElfSection target)
    {
        foreach (ElfSection section in _sections)
        {
            if (section.Type is SectionType.Rela or SectionType.Rel && section.Info == target.Index)
                return Relocations(section).TryGet(out ElfRelocationTable? table, out FormatError? error) ? table : error;
        }

        return default(Result<ElfRelocationTable?>);
    }

    /// <summary>The GNU build id; empty when the file carries none.</summary>
    public ReadOnlyMemory<byte> BuildId()
    {
        foreach (ElfSection section in _sections)
        {
            if (section.Type == SectionType.Note && ElfNotes.BuildId(Layout, section.Data) is { IsEmpty: false } id)
                return id;
        }

        return default;
    }

    /// <summary>The segments, each known to lie inside the file; empty for a relocatable file.</summary>
    public Result<ElfSegment[]> Segments()
    {
        ReadOnlySpan<byte> bytes = Bytes.Span;
        ulong table = Layout.Word(bytes, 32, 28);
        int entrySize = Layout.U16(bytes, Layout.Is64 ? 54 : 42);
        int count = Layout.U16(bytes, Layout.Is64 ? 56 : 44);
        if (count == 0)
            return Array.Empty<ElfSegment>();
        if (entrySize != Layout.ProgramHeaderSize)
            return Fail(Layout.Is64 ? 54 : 42, $"program headers of {entrySize} bytes, where {Layout.ProgramHeaderSize} are usual");
        if (table > (ulong)bytes.Length || (ulong)count * (ulong)entrySize > (ulong)bytes.Length - table)
            return Fail(Layout.Is64 ? 32 : 28, $"program header table (0x{table:x}, {count} entries) lies beyond the end of the file");

        var segments = new ElfSegment[count];
        for (int i = 0; i < count; i++)
        {
            long offset = (long)table + i * entrySize;
            ReadOnlySpan<byte> header = bytes.Slice((int)offset, entrySize);
            var segment = new ElfSegment(
                (SegmentType)Layout.U32(header, 0), Layout.U32(header, Layout.Is64 ? 4 : 24), Layout.Word(header, 8, 4), Layout.Word(header, 16, 8),
                Layout.Word(header, 24, 12), Layout.Word(header, 32, 16), Layout.Word(header, 40, 20), Layout.Word(header, 48, 28));
            if (segment.Offset > (ulong)bytes.Length || segment.FileSize > (ulong)bytes.Length - segment.Offset)
                return Fail(offset, $"segment {i} (0x{segment.Offset:x}, 0x{segment.FileSize:x} bytes) lies beyond the end of the file");
            if (segment.FileSize > segment.MemorySize)
                return Fail(offset, $"segment {i} has more bytes in the file (0x{segment.FileSize:x}) than in memory (0x{segment.MemorySize:x})");
            segments[i] = segment;
        }

        return segments;
    }

    /// <summary>Opens a symbol table, once: many relocation sections share one.</summary>
    internal Result<ElfSymbolTable> SymbolsOf(ElfSection section)
    {
        if (_symbolTables[section.Index] is { } opened)
            return opened;
        Result<ElfSymbolTable> table = ElfSymbolTable.Open(this, section);
        if (table.IsOk)
            _symbolTables[section.Index] = table.Value;
        return table;
    }

    internal FormatError Fail(long offset, string reason) => new(Name, offset, reason);
}
