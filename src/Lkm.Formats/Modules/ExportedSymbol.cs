namespace Lkm.Formats.Modules;

/// <summary>A symbol that a module or the kernel offers to modules (EXPORT_SYMBOL and its kin).</summary>
/// <param name="Name">The symbol.</param>
/// <param name="Namespace">Its namespace (EXPORT_SYMBOL_NS), or null.</param>
/// <param name="IsGplOnly">True for EXPORT_SYMBOL_GPL: only modules with a GPL-compatible licence may use it.</param>
/// <param name="Crc">CRC of its prototype, or null when built without CONFIG_MODVERSIONS.</param>
/// <param name="Section">In a module, the section that holds it (or a value of <see cref="Elf.SectionIndex"/>); 0 in a linked
/// kernel.</param>
/// <param name="Value">In a module the offset in its section, in a linked kernel the address.</param>
public readonly record struct ExportedSymbol(string Name, string? Namespace, bool IsGplOnly, uint? Crc, int Section, ulong Value)
{
    /// <summary>KSYM_NAME_LEN since Linux 6.1, less the final NUL.</summary>
    internal const int MaxNameLength = 511;
}
