using System.Text;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>A symbol that the kernel or a module exports (struct kernel_symbol).</summary>
/// <param name="Entry">The address of its struct kernel_symbol.</param>
/// <param name="Value">The address that it stands for.</param>
/// <param name="Owner">The struct module that exports it; 0 for the kernel.</param>
/// <param name="GplOnly">Whether only GPL-compatible modules may use it.</param>
/// <param name="CrcAddress">Where its CRC lies; 0 when its exporter has none.</param>
public readonly record struct KernelSymbol(ulong Entry, ulong Value, ulong Owner, bool GplOnly, ulong CrcAddress);

/// <summary>
/// The exported symbols of the kernel and its modules. There is no table of our own: the sorted __ksymtab tables of the image and of
/// each struct module are searched in guest memory, as find_symbol() of kernel/module/main.c does. So nothing is built at
/// start-up, and borrowed code (symbol_get() and its kin) sees the same.
/// </summary>
/// <remarks>
/// Up to 6.x a table of its own (__ksymtab_gpl) holds what is GPL-only; 7 has one table, with a byte of flags for each symbol beside it
/// (__kflagstab).
/// </remarks>
public sealed class KernelSymbols
{
    private const byte GplOnlyFlag = 1; // KSYM_FLAG_GPL_ONLY

    private readonly ModuleContext _kernel;
    private readonly ModuleTable _modules;
    private readonly SymbolTable[] _image;
    private readonly ulong _entrySize, _valueOffset, _nameOffset;
    private readonly ulong? _namespaceOffset;

    internal KernelSymbols(ModuleContext kernel, ModuleTable modules)
    {
        _kernel = kernel;
        _modules = modules;
        var entry = kernel.Image.Struct("kernel_symbol");
        _entrySize = entry.Size;
        _valueOffset = entry["value_offset"];
        _nameOffset = entry["name_offset"];
        _namespaceOffset = entry.Find("namespace_offset");
        _image = kernel.Image.TrySymbol("__start___kflagstab", out var flags)
            ? [ImageTable("", gplOnly: false) with { Flags = flags }]
            : [ImageTable("", gplOnly: false), ImageTable("_gpl", gplOnly: true)];
    }

    /// <summary>All exported symbols: the kernel's, then each module's.</summary>
    public IEnumerable<KernelSymbol> All =>
        _image.SelectMany(table => Symbols(table, 0)).Concat(_modules.Loaded.SelectMany(ExportsOf));

    private GuestMemory Memory => _kernel.Memory;

    /// <summary>find_symbol(): the kernel first, then the modules from the youngest.</summary>
    /// <param name="name">The symbol.</param>
    /// <param name="gplOk">Whether GPL-only symbols count.</param>
    /// <param name="symbol">The symbol found.</param>
    public bool TryFind(ReadOnlySpan<byte> name, bool gplOk, out KernelSymbol symbol)
    {
        foreach (var table in _image)
        {
            if (TryFind(table, 0, name, out symbol) && (gplOk || !symbol.GplOnly))
                return true;
        }

        foreach (var module in _modules.Loaded)
        {
            foreach (var table in TablesOf(module))
            {
                if (TryFind(table, module.Address, name, out symbol) && (gplOk || !symbol.GplOnly))
                    return true;
            }
        }

        symbol = default;
        return false;
    }

    /// <summary>find_symbol(), for a name as text.</summary>
    public bool TryFind(string name, bool gplOk, out KernelSymbol symbol) => TryFind(Encoding.UTF8.GetBytes(name), gplOk, out symbol);

    /// <summary>A symbol's name.</summary>
    public string NameOf(in KernelSymbol symbol) => Encoding.UTF8.GetString(NameAt(symbol.Entry));

    /// <summary>The namespace that a user must import; null for none.</summary>
    public string? NamespaceOf(in KernelSymbol symbol)
    {
        if (_namespaceOffset is not { } offset || Memory.ReadInt32(symbol.Entry + offset) == 0)
            return null;
        var text = _kernel.Text(Relative(symbol.Entry + offset));
        return text.Length == 0 ? null : text;
    }

    /// <summary>The CRC of a symbol's type; null when its exporter has none.</summary>
    public uint? CrcOf(in KernelSymbol symbol) => symbol.CrcAddress == 0 ? null : Memory.ReadUInt32(symbol.CrcAddress);

    /// <summary>The symbols that a module exports, whatever its state.</summary>
    internal IEnumerable<KernelSymbol> ExportsOf(KernelModule module)
    {
        foreach (var table in TablesOf(module))
        {
            foreach (var symbol in Symbols(table, module.Address))
                yield return symbol;
        }
    }

    private static SymbolTable[] TablesOf(KernelModule module) =>
    [
        new(module.Read("syms"), module.ReadUInt32("num_syms"), module.Read("crcs"), GplOnly: false) { Flags = module.Read("flagstab") },
        new(module.Read("gpl_syms"), module.ReadUInt32("num_gpl_syms"), module.Read("gpl_crcs"), GplOnly: true),
    ];

    private SymbolTable ImageTable(string suffix, bool gplOnly)
    {
        var image = _kernel.Image;
        var start = image.Symbol("__start___ksymtab" + suffix);
        var crcs = image.TrySymbol("__start___kcrctab" + suffix, out var address) ? address : 0;
        if (crcs != 0 && image.TrySymbol("__stop___kcrctab" + suffix, out var stop) && stop == crcs)
            crcs = 0;
        return new SymbolTable(start, (image.Symbol("__stop___ksymtab" + suffix) - start) / _entrySize, crcs, gplOnly);
    }

    private IEnumerable<KernelSymbol> Symbols(SymbolTable table, ulong owner)
    {
        for (ulong i = 0; i < table.Count; i++)
            yield return Symbol(table, owner, i);
    }

    private bool TryFind(SymbolTable table, ulong owner, ReadOnlySpan<byte> name, out KernelSymbol symbol)
    {
        ulong low = 0, high = table.Count;
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var order = name.SequenceCompareTo(NameAt(table.Start + (middle * _entrySize)));
            if (order == 0)
            {
                symbol = Symbol(table, owner, middle);
                return true;
            }

            if (order < 0)
                high = middle;
            else
                low = middle + 1;
        }

        symbol = default;
        return false;
    }

    private KernelSymbol Symbol(SymbolTable table, ulong owner, ulong index)
    {
        var entry = table.Start + (index * _entrySize);
        var gplOnly = table.GplOnly || (table.Flags != 0 && (Memory.ReadByte(table.Flags + index) & GplOnlyFlag) != 0);
        return new KernelSymbol(entry, Relative(entry + _valueOffset), owner, gplOnly, table.Crcs == 0 ? 0 : table.Crcs + (index * 4));
    }

    private ReadOnlySpan<byte> NameAt(ulong entry) => _kernel.StringAt(Relative(entry + _nameOffset), 512);

    /// <summary>offset_to_ptr(): where a self-relative 32-bit offset leads (CONFIG_HAVE_ARCH_PREL32_RELOCATIONS).</summary>
    private ulong Relative(ulong field) => field + (ulong)Memory.ReadInt32(field);

    private readonly record struct SymbolTable(ulong Start, ulong Count, ulong Crcs, bool GplOnly)
    {
        /// <summary>__kflagstab, or 0.</summary>
        public ulong Flags { get; init; }
    }
}
