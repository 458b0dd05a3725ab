using System.Text;

namespace Lkm.Formats.Elf;

/// <summary>One section: its header, and its bytes, which are known to lie inside the file.</summary>
public sealed class ElfSection
{
    private readonly ReadOnlyMemory<byte> _name;
    private string? _nameText;

    internal ElfSection(ReadOnlyMemory<byte> name) => _name = name;

    /// <summary>Index in the section header table.</summary>
    public required int Index { get; init; }

    /// <summary>Offset of this header in the file, in bytes.</summary>
    public required long HeaderOffset { get; init; }

    /// <summary>Kind of contents (sh_type).</summary>
    public required SectionType Type { get; init; }

    /// <summary>Flags (sh_flags).</summary>
    public required SectionFlags Flags { get; init; }

    /// <summary>Address when linked (sh_addr); 0 in a module.</summary>
    public required ulong Address { get; init; }

    /// <summary>Offset of the contents in the file, in bytes (sh_offset).</summary>
    public required ulong Offset { get; init; }

    /// <summary>Size in memory in bytes (sh_size); of <see cref="SectionType.NoBits"/> the file holds nothing.</summary>
    public required ulong Size { get; init; }

    /// <summary>Index of a related section (sh_link).</summary>
    public required uint Link { get; init; }

    /// <summary>For relocations the section they apply to; for a symbol table the first global symbol (sh_info).</summary>
    public required uint Info { get; init; }

    /// <summary>Alignment in bytes, 0 and 1 meaning none (sh_addralign).</summary>
    public required ulong Alignment { get; init; }

    /// <summary>Size of an entry in bytes where all are alike (sh_entsize).</summary>
    public required ulong EntrySize { get; init; }

    /// <summary>The contents; empty for sections that occupy no space in the file.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>The name's bytes without the final NUL.</summary>
    public ReadOnlySpan<byte> NameUtf8 => _name.Span;

    /// <summary>The name.</summary>
    public string Name => _nameText ??= Encoding.UTF8.GetString(_name.Span);

    /// <summary>True when the section occupies memory in a running module or kernel (SHF_ALLOC).</summary>
    public bool IsAllocated => (Flags & SectionFlags.Alloc) != 0;

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
