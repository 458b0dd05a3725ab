namespace Lkm.Formats.Elf;

/// <summary>One entry of a symbol table. Its name is asked of the table: <see cref="ElfSymbolTable.Name"/>.</summary>
/// <param name="NameOffset">Offset of the name in the string table (st_name).</param>
/// <param name="Info">Binding and type (st_info).</param>
/// <param name="Other">Visibility (st_other).</param>
/// <param name="Section">Section index, or one of <see cref="SectionIndex"/> (st_shndx).</param>
/// <param name="Value">Offset in the section, or address in an executable (st_value).</param>
/// <param name="Size">Size in bytes, 0 when unknown (st_size).</param>
public readonly record struct ElfSymbol(uint NameOffset, byte Info, byte Other, int Section, ulong Value, ulong Size)
{
    /// <summary>Scope of the name.</summary>
    public SymbolBinding Binding => (SymbolBinding)(Info >> 4);

    /// <summary>What the name stands for.</summary>
    public SymbolType Type => (SymbolType)(Info & 15);

    /// <summary>True when another module or the kernel must define it.</summary>
    public bool IsUndefined => Section == SectionIndex.Undefined;

    /// <summary>True when the value is no address.</summary>
    public bool IsAbsolute => Section == SectionIndex.Absolute;
}
