using System.Text;
using Lkm.Formats.Elf;

namespace Lkm.Formats.Modules;

/// <summary>
/// Reads the exports of a relocatable file. Each entry of __ksymtab is three 32-bit words, for value, name and namespace
/// (struct kernel_symbol with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS), whose contents are relocations; so relocations are what
/// is read. Before the final link each symbol has a section of its own, such as ___ksymtab_gpl+foo.
/// </summary>
public static class ModuleExports
{
    private const int EntrySize = 12;

    /// <summary>
    /// All exports, in table order, __ksymtab before __ksymtab_gpl. Of machines other than x86-64 the relocations are not
    /// known here: then the names and CRCs come from the __crc_ symbols, as in libkmod.
    /// </summary>
    public static Result<ExportedSymbol[]> Read(ElfFile file)
    {
        if (!file.Symbols().TryGet(out ElfSymbolTable? symbols, out FormatError? error))
            return error;
        if (symbols is null)
            return Array.Empty<ExportedSymbol>();

        Dictionary<string, uint> crcs = ReadCrcs(file, symbols);
        if (file.Machine != ElfMachine.X86_64)
            return Array.ConvertAll(crcs.ToArray(), pair => new ExportedSymbol(pair.Key, null, false, pair.Value, 0, 0));

        var exports = new List<ExportedSymbol>();
        foreach (bool isGplOnly in (ReadOnlySpan<bool>)[false, true])
        {
            foreach (ElfSection section in file.Sections)
            {
                if (!IsSymbolTable(section.NameUtf8, isGplOnly))
                    continue;
                if (ReadTable(file, section, isGplOnly, crcs, exports) is { } failure)
                    return failure;
            }
        }

        return exports.ToArray();
    }

    private static bool IsSymbolTable(ReadOnlySpan<byte> name, bool isGplOnly) => isGplOnly
        ? name.SequenceEqual("__ksymtab_gpl"u8) || name.StartsWith("___ksymtab_gpl+"u8)
        : name.SequenceEqual("__ksymtab"u8) || name.StartsWith("___ksymtab+"u8);

    private static FormatError? ReadTable(
        ElfFile file, ElfSection section, bool isGplOnly, Dictionary<string, uint> crcs, List<ExportedSymbol> exports)
    {
        int count = section.Data.Length / EntrySize;
        if (count == 0)
            return null;
        if (!file.RelocationsFor(section).TryGet(out ElfRelocationTable? relocations, out FormatError? error))
            return error;

        ReadOnlyMemory<byte> flags = isGplOnly ? default : ExportFlags.Read(file);
        var words = new ElfRelocation?[count * 3];
        for (int i = 0; i < (relocations?.Count ?? 0); i++)
        {
            ElfRelocation relocation = relocations![i];
            if (relocation.Offset % 4 == 0 && relocation.Offset / 4 < (ulong)words.Length)
                words[relocation.Offset / 4] = relocation;
        }

        for (int i = 0; i < count; i++)
        {
            long offset = (long)section.Offset + i * EntrySize;
            if (words[i * 3] is not { } value || words[i * 3 + 1] is not { } nameWord)
                return file.Fail(offset, $"entry {i} of {section.Name} has no relocations for its value and name");
            if (TextAt(file, relocations!.Symbols, nameWord) is not { Length: > 0 } name)
                return file.Fail(offset, $"name of entry {i} of {section.Name} is not in a section of this file");

            string? symbolNamespace = words[i * 3 + 2] is { } word ? TextAt(file, relocations.Symbols, word) : null;
            ElfSymbol symbol = relocations.Symbols[value.Symbol];
            exports.Add(new ExportedSymbol(
                name, string.IsNullOrEmpty(symbolNamespace) ? null : symbolNamespace, isGplOnly || ExportFlags.IsGplOnly(flags, i),
                crcs.TryGetValue(name, out uint crc) ? crc : null, symbol.Section, unchecked(symbol.Value + (ulong)value.Addend)));
        }

        return null;
    }

    /// <summary>The string that a relocation points to, or null when it points nowhere in the file.</summary>
    private static string? TextAt(ElfFile file, ElfSymbolTable symbols, ElfRelocation relocation)
    {
        ElfSymbol symbol = symbols[relocation.Symbol];
        if (symbol.Section is SectionIndex.Undefined or >= SectionIndex.LowReserve)
            return null;
        ReadOnlySpan<byte> data = file.Sections[symbol.Section].Data.Span;
        ulong at = unchecked(symbol.Value + (ulong)relocation.Addend);
        return at < (ulong)data.Length ? CString.ReadWithin(data[(int)at..], ExportedSymbol.MaxNameLength) : null;
    }

    /// <summary>
    /// CRCs by name, from the __crc_ symbols: the value itself where it is absolute (Linux before 5.19), otherwise the place of a
    /// 32-bit word (kmod_elf_resolve_crc() of libkmod).
    /// </summary>
    private static Dictionary<string, uint> ReadCrcs(ElfFile file, ElfSymbolTable symbols)
    {
        ReadOnlySpan<byte> prefix = "__crc_"u8;
        var crcs = new Dictionary<string, uint>();
        for (int i = 1; i < symbols.Count; i++)
        {
            ElfSymbol symbol = symbols[i];
            if (symbol.IsUndefined || !symbols.NameUtf8(symbol).StartsWith(prefix))
                continue;
            string name = Encoding.UTF8.GetString(symbols.NameUtf8(symbol)[prefix.Length..]);
            if (symbol.IsAbsolute)
                crcs.TryAdd(name, (uint)symbol.Value);
            else if (symbol.Section < SectionIndex.LowReserve && file.Sections[symbol.Section].Data is var data
                && symbol.Value <= (ulong)data.Length && (ulong)data.Length - symbol.Value >= 4)
                crcs.TryAdd(name, file.Layout.U32(data.Span, (int)symbol.Value));
        }

        return crcs;
    }
}
