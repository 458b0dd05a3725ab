using System.Buffers.Binary;
using Lkm.Formats.Elf;

namespace Lkm.Kernel.Modules;

// kernel/module/kallsyms.c: what /proc/kallsyms, %pS, kprobes by name and stack traces know of a module's symbols. The whole symbol
// table lies in init memory while the init function runs; the symbols that outlive it are copied to core memory.
internal sealed partial class ModuleLoad
{
    private const int SymbolSize = 24;

    private readonly List<int> _coreSymbols = [];
    private ulong _coreSymbolOffset, _coreStringOffset, _coreTypeOffset, _initKallsymsOffset, _initTypeOffset;

    /// <summary>layout_symtab().</summary>
    private void LayOutSymbols()
    {
        var (symbols, table, strings) = (_info.Symbols, _info.SymbolSection, _info.StringSection);
        PlaceInInit(table);
        ulong stringSize = 0;
        for (var i = 0; i < symbols.Count; i++)
        {
            var symbol = symbols[i];
            if (i != 0 && !IsLivePatch && !IsCoreSymbol(symbol)) // a live patch is relocated again when what it patches is loaded
                continue;
            _coreSymbols.Add(i);
            stringSize += (ulong)symbols.NameUtf8(symbol).Length + 1;
        }

        var alignment = Math.Max(table.Elf.Alignment, 1);
        _coreSymbolOffset = _layoutPlan.Reserve(ModulePart.Data, (ulong)(_coreSymbols.Count * SymbolSize), alignment);
        _coreStringOffset = _layoutPlan.Reserve(ModulePart.Data, stringSize, 1);
        _coreTypeOffset = _layoutPlan.Reserve(ModulePart.Data, (ulong)_coreSymbols.Count, 1);
        _layoutPlan.Close(ModulePart.Data);
        PlaceInInit(strings);
        _initKallsymsOffset = _layoutPlan.Reserve(ModulePart.InitData, _kernel.Image.Struct("mod_kallsyms").Size, 8);
        _initTypeOffset = _layoutPlan.Reserve(ModulePart.InitData, (ulong)symbols.Count, 1);
        _layoutPlan.Close(ModulePart.InitData);
    }

    private void PlaceInInit(LoadSection section)
    {
        section.Flags |= SectionFlags.Alloc;
        section.Part = ModulePart.InitData;
        section.Offset = _layoutPlan.Reserve(ModulePart.InitData, section.Elf.Size, Math.Max(section.Elf.Alignment, 1));
    }

    /// <summary>is_core_symbol(), with CONFIG_KALLSYMS_ALL.</summary>
    private bool IsCoreSymbol(in ElfSymbol symbol)
    {
        if (symbol.IsUndefined || symbol.Section >= _info.Sections.Length || symbol.NameOffset == 0)
            return false;
        var section = _info.Sections[symbol.Section];
        return section == _info.PerCpu || ((section.Flags & SectionFlags.Alloc) != 0 && section.IsCore);
    }

    /// <summary>add_kallsyms(): after the symbols have their addresses.</summary>
    private void AddKallsyms()
    {
        var layout = _kernel.Image.Struct("mod_kallsyms");
        var table = _info.SymbolSection.Address;
        var types = _layoutPlan.AddressOf(ModulePart.InitData, _initTypeOffset);
        var kallsyms = _layoutPlan.AddressOf(ModulePart.InitData, _initKallsymsOffset);
        Describe(kallsyms, table, _info.Symbols.Count, _info.StringSection.Address, types);
        _module.Write("kallsyms", kallsyms);
        for (var i = 0; i < _info.Symbols.Count; i++)
            Memory.WriteByte(types + (ulong)i, TypeOf(_info.Symbols[i]));

        var coreTable = _layoutPlan.AddressOf(ModulePart.Data, _coreSymbolOffset);
        var coreStrings = _layoutPlan.AddressOf(ModulePart.Data, _coreStringOffset);
        var coreTypes = _layoutPlan.AddressOf(ModulePart.Data, _coreTypeOffset);
        var end = coreStrings;
        for (var i = 0; i < _coreSymbols.Count; i++)
        {
            var index = _coreSymbols[i];
            var entry = Memory.Span(coreTable + (ulong)(i * SymbolSize), SymbolSize);
            Memory.Span(table + (ulong)(index * SymbolSize), SymbolSize).CopyTo(entry);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)(end - coreStrings));
            Memory.WriteByte(coreTypes + (ulong)i, Memory.ReadByte(types + (ulong)index));
            var name = _info.Symbols.NameUtf8(_info.Symbols[index]);
            name.CopyTo(Memory.Span(end, name.Length));
            Memory.WriteByte(end + (ulong)name.Length, 0);
            end += (ulong)name.Length + 1;
        }

        Describe(_module.Member("core_kallsyms"), coreTable, _coreSymbols.Count, coreStrings, coreTypes);

        void Describe(ulong at, ulong symbols, int count, ulong strings, ulong typeTable)
        {
            Memory.WriteUInt64(at + layout["symtab"], symbols);
            Memory.WriteUInt32(at + layout["num_symtab"], (uint)count);
            Memory.WriteUInt64(at + layout["strtab"], strings);
            if (layout.Find("typetab") is { } typetab)
                Memory.WriteUInt64(at + typetab, typeTable);
        }
    }

    /// <summary>elf_type(): the letter that nm shows.</summary>
    private byte TypeOf(in ElfSymbol symbol)
    {
        if (symbol.Binding == SymbolBinding.Weak)
            return symbol.Type == SymbolType.Object ? (byte)'v' : (byte)'w';
        if (symbol.IsUndefined)
            return (byte)'U';
        if (symbol.IsAbsolute || (_info.PerCpu is { } percpu && symbol.Section == percpu.Elf.Index))
            return (byte)'a';
        if (symbol.Section >= _info.Sections.Length)
            return (byte)'?';
        var section = _info.Sections[symbol.Section];
        if ((section.Flags & SectionFlags.Execute) != 0)
            return (byte)'t';
        if (section.Elf.Type == SectionType.NoBits)
            return (byte)'b';
        if ((section.Flags & SectionFlags.Alloc) != 0)
            return (section.Flags & SectionFlags.Write) == 0 ? (byte)'r' : (byte)'d';
        return section.Elf.NameUtf8.StartsWith(".debug"u8) ? (byte)'n' : (byte)'?';
    }
}
