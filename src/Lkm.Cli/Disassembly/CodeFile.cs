using Lkm.Distribution;
using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Formats.Images;
using Lkm.Formats.Kallsyms;
using Lkm.Formats.Modules;

namespace Lkm.Cli.Disassembly;

/// <summary>The code of a file, with names for its addresses: a module, or the image of a kernel.</summary>
internal abstract class CodeFile
{
    /// <summary>Its functions, in order; with a name only those of that name.</summary>
    public abstract IEnumerable<CodeBlock> Blocks(string? name);

    /// <summary>The relocation of a place; null for none.</summary>
    public abstract CodeRelocation? RelocationAt(CodeBlock block, ulong address);

    /// <summary>The symbol that an address of a block's section lies in.</summary>
    public abstract CodeReference? SymbolAt(CodeBlock block, ulong address);

    /// <summary>Opens a module, compressed or not, or a kernel image.</summary>
    public static Outcome<CodeFile> Open(string path)
    {
        if (ModuleFile.Read(path).TryGet(out ModuleFile? module, out FormatError? error) && module.Elf.Type == ElfType.Relocatable)
        {
            if (module.Elf.Machine != ElfMachine.X86_64)
                return Outcome<CodeFile>.Failure($"{path}: code of {module.Elf.Machine}; lkm disassembles x86-64 only");
            return module.Elf.Symbols().TryGet(out ElfSymbolTable? symbols, out error) && symbols is not null
                ? Outcome<CodeFile>.Success(new RelocatableCode(module.Elf, symbols))
                : Outcome<CodeFile>.Failure(error?.ToString() ?? $"{path}: has no symbols");
        }
        if (KernelImage.Read(path).TryGet(out KernelImage? image, out FormatError? noImage))
        {
            return KallsymsReader.Read(image).TryGet(out SymbolTable? table, out FormatError? noSymbols)
                ? Outcome<CodeFile>.Success(new KernelCode(image.Elf, table))
                : Outcome<CodeFile>.Failure(noSymbols.ToString());
        }
        return Outcome<CodeFile>.Failure((error ?? noImage).ToString());
    }

    /// <summary>A relocatable file: addresses are offsets in sections, and what they lead to is in relocations.</summary>
    private sealed class RelocatableCode(ElfFile elf, ElfSymbolTable symbols) : CodeFile
    {
        private readonly Dictionary<string, Dictionary<ulong, CodeRelocation>> _relocations = [];

        public override IEnumerable<CodeBlock> Blocks(string? name)
        {
            foreach (ElfSection section in elf.Sections)
            {
                if ((section.Flags & SectionFlags.Execute) == 0 || section.Data.IsEmpty)
                    continue;
                foreach (CodeBlock block in Functions(section))
                {
                    if (name is null || block.Name == name || NamesAt(section, block.Address).Contains(name))
                        yield return name is null ? block : block with { Name = name };
                }
            }
        }

        public override CodeRelocation? RelocationAt(CodeBlock block, ulong address)
        {
            if (!_relocations.TryGetValue(block.Section, out Dictionary<ulong, CodeRelocation>? table))
                _relocations[block.Section] = table = ReadRelocations(block.Section);
            return table.TryGetValue(address, out CodeRelocation relocation) ? relocation : null;
        }

        public override CodeReference? SymbolAt(CodeBlock block, ulong address)
        {
            if (elf.FindSection(block.Section) is not { } section)
                return null;
            ElfSymbol? best = null;
            for (int i = 1; i < symbols.Count; i++)
            {
                ElfSymbol symbol = symbols[i];
                if (symbol.Section == section.Index && symbol.Type is not SymbolType.Section && symbol.Value <= address
                    && (best is null || symbol.Value > best.Value.Value))
                    best = symbol;
            }
            return best is { } found ? new CodeReference(symbols.Name(found), (long)(address - found.Value)) : null;
        }

        /// <summary>The functions that begin at an offset: cleanup_module is another name of what module_exit() was given.</summary>
        private List<string> NamesAt(ElfSection section, ulong offset)
        {
            var names = new List<string>();
            for (int i = 1; i < symbols.Count; i++)
            {
                ElfSymbol symbol = symbols[i];
                if (symbol.Section == section.Index && symbol.Type == SymbolType.Function && symbol.Value == offset)
                    names.Add(symbols.Name(symbol));
            }
            return names;
        }

        /// <summary>A section in functions. What lies between them belongs to the one before.</summary>
        private IEnumerable<CodeBlock> Functions(ElfSection section)
        {
            var starts = new SortedDictionary<ulong, string>();
            for (int i = 1; i < symbols.Count; i++)
            {
                ElfSymbol symbol = symbols[i];
                if (symbol.Section == section.Index && symbol.Type == SymbolType.Function && symbol.Value < (ulong)section.Data.Length)
                    starts[symbol.Value] = symbols.Name(symbol);
            }
            if (!starts.ContainsKey(0))
                starts[0] = section.Name;
            KeyValuePair<ulong, string>[] all = [.. starts];
            for (int i = 0; i < all.Length; i++)
            {
                ulong end = i + 1 < all.Length ? all[i + 1].Key : (ulong)section.Data.Length;
                yield return new CodeBlock(all[i].Value, section.Name, all[i].Key, section.Data[(int)all[i].Key..(int)end]);
            }
        }

        private Dictionary<ulong, CodeRelocation> ReadRelocations(string name)
        {
            var found = new Dictionary<ulong, CodeRelocation>();
            if (elf.FindSection(name) is not { } section || !elf.RelocationsFor(section).TryGet(out ElfRelocationTable? table, out _) || table is null)
                return found;
            for (int i = 0; i < table.Count; i++)
            {
                ElfRelocation relocation = table[i];
                ElfSymbol symbol = table.Symbols[relocation.Symbol];
                string target = symbol.Type == SymbolType.Section && symbol.Section < elf.Sections.Count
                    ? elf.Sections[symbol.Section].Name
                    : table.Symbols.Name(symbol);
                bool isRelative = relocation.X86Type is X86RelocationType.R_X86_64_PC32 or X86RelocationType.R_X86_64_PLT32;
                found[relocation.Offset] = new CodeRelocation(relocation.X86Type.ToString(), new CodeReference(target, relocation.Addend), isRelative);
            }
            return found;
        }
    }

    /// <summary>A linked kernel: kallsyms has the names.</summary>
    private sealed class KernelCode(ElfFile elf, SymbolTable symbols) : CodeFile
    {
        public override IEnumerable<CodeBlock> Blocks(string? name)
        {
            for (int i = 0; i < symbols.Count; i++)
            {
                if (symbols.Type(i) is not ('t' or 'T' or 'w' or 'W') || (name is not null && symbols.Name(i) != name))
                    continue;
                ulong address = symbols.Address(i), size = symbols.Size(i);
                foreach (ElfSection section in elf.Sections)
                {
                    ulong offset = address - section.Address;
                    if (section.IsAllocated && size > 0 && offset < (ulong)section.Data.Length && size <= (ulong)section.Data.Length - offset)
                        yield return new CodeBlock(symbols.Name(i), "", address, section.Data.Slice((int)offset, (int)size));
                }
            }
        }

        public override CodeRelocation? RelocationAt(CodeBlock block, ulong address) => null;

        public override CodeReference? SymbolAt(CodeBlock block, ulong address) =>
            symbols.TryFindByAddress(address, out int index, out ulong offset) ? new CodeReference(symbols.Name(index), (long)offset) : null;
    }
}
