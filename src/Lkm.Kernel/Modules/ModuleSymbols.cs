using System.Buffers.Binary;
using System.Text;
using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>Names for addresses in loaded modules, from the symbol tables that the modules themselves keep (struct mod_kallsyms).</summary>
public sealed class ModuleSymbols(GuestMemory memory, KernelImage image, ModuleTable modules)
{
    private const ulong SymbolSize = 24; // Elf64_Sym
    private const ulong ValueOffset = 8;
    private const ulong SectionOffset = 6;
    private const int NameLength = 512; // KSYM_NAME_LEN

    private readonly List<Table> _gone = [];

    /// <summary>An address as %pS prints it, "name+0xoffset/0xsize [module]"; null when it lies in no module.</summary>
    public string? Describe(ulong address)
    {
        if (address < AddressSpace.ModulesStart || address >= AddressSpace.ModulesEnd || modules.FindByAddress(address) is not { } module)
            return null;
        return TableOf(module) is { } table ? table.Describe(address) : $"0x{address:x} [{module.Name}]";
    }

    /// <summary>The same for an address where a module was that is gone.</summary>
    public string? DescribeGone(ulong address)
    {
        for (var i = _gone.Count - 1; i >= 0; i--)
        {
            if (_gone[i].Contains(address))
                return _gone[i].Describe(address);
        }

        return null;
    }

    /// <summary>Keeps the symbols of a module that is about to go, for reports afterwards.</summary>
    internal void Remember(KernelModule module)
    {
        const int most = 16;
        if (TableOf(module) is not { } table)
            return;
        _gone.Add(table);
        if (_gone.Count > most)
            _gone.RemoveAt(0);
    }

    /// <summary>The address of a symbol of a loaded module (module_kallsyms_lookup_name() with MODULE:NAME), or 0.</summary>
    public ulong Find(string moduleName, string name)
    {
        if (modules.Find(moduleName) is not { } module || memory.ReadUInt64(module.Member("kallsyms")) is not (var kallsyms and not 0))
            return 0;
        var layout = image.Struct("mod_kallsyms");
        var table = memory.ReadUInt64(kallsyms + layout["symtab"]);
        var strings = memory.ReadUInt64(kallsyms + layout["strtab"]);
        var count = memory.ReadUInt32(kallsyms + layout["num_symtab"]);
        for (ulong i = 1; i < count; i++)
        {
            var symbol = table + (i * SymbolSize);
            if (memory.ReadUInt16(symbol + SectionOffset) != 0 && memory.ReadString(strings + memory.ReadUInt32(symbol), NameLength) == name)
                return memory.ReadUInt64(symbol + ValueOffset);
        }

        return 0;
    }

    private Table? TableOf(KernelModule module)
    {
        var kallsyms = memory.ReadUInt64(module.Member("kallsyms"));
        if (kallsyms == 0)
            return null;
        var layout = image.Struct("mod_kallsyms");
        var symbols = memory.Span(memory.ReadUInt64(kallsyms + layout["symtab"]), (int)memory.ReadUInt32(kallsyms + layout["num_symtab"]) * (int)SymbolSize);
        var strings = memory.ReadUInt64(kallsyms + layout["strtab"]);
        var lastName = 0U;
        for (var at = 0; at < symbols.Length; at += (int)SymbolSize)
            lastName = Math.Max(lastName, BinaryPrimitives.ReadUInt32LittleEndian(symbols[at..]));
        var stringsSize = (int)lastName + memory.ReadString(strings + lastName, NameLength).Length + 1;
        return new Table(module.Name, module.Blocks, symbols.ToArray(), memory.Span(strings, stringsSize).ToArray());
    }

    /// <summary>What a module's symbol table says, kept apart from the module.</summary>
    private sealed class Table(string module, ModuleBlock[] blocks, byte[] symbols, byte[] strings)
    {
        public bool Contains(ulong address) => blocks.Any(block => block.Contains(address));

        /// <summary>find_kallsyms_symbol() of kernel/module/kallsyms.c: the nearest symbol at or before, and where the next one begins.</summary>
        public string Describe(ulong address)
        {
            var block = blocks.First(block => block.Contains(address));
            ulong best = 0, next = block.Address + block.Size;
            var name = "";
            for (var at = (int)SymbolSize; at < symbols.Length; at += (int)SymbolSize)
            {
                var symbol = symbols.AsSpan(at);
                if (BinaryPrimitives.ReadUInt16LittleEndian(symbol[(int)SectionOffset..]) == 0)
                    continue;
                var value = BinaryPrimitives.ReadUInt64LittleEndian(symbol[(int)ValueOffset..]);
                if (value > address)
                {
                    next = Math.Min(next, value);
                }
                else if (value > best && value >= block.Address) // of those with one address the first, which is not the alias init_module
                {
                    var text = NameOf(symbol);
                    if (text.Length != 0 && !text.StartsWith(".L", StringComparison.Ordinal))
                        (best, name) = (value, text);
                }
            }

            return name.Length == 0 ? $"0x{address:x} [{module}]" : $"{name}+0x{address - best:x}/0x{next - best:x} [{module}]";
        }

        private string NameOf(ReadOnlySpan<byte> symbol)
        {
            var name = strings.AsSpan((int)BinaryPrimitives.ReadUInt32LittleEndian(symbol));
            return Encoding.UTF8.GetString(name[..Math.Max(0, name.IndexOf((byte)0))]);
        }
    }
}
