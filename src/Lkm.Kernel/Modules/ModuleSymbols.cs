using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>Names for addresses in loaded modules, from the symbol tables that the modules themselves keep (struct mod_kallsyms).</summary>
public sealed class ModuleSymbols(GuestMemory memory, KernelImage image, ModuleTable modules)
{
    private const ulong SymbolSize = 24; // Elf64_Sym
    private const ulong ValueOffset = 8;
    private const ulong SectionOffset = 6;

    /// <summary>An address as %pS prints it, "name+0xoffset/0xsize [module]"; null when it lies in no module.</summary>
    public string? Describe(ulong address)
    {
        if (address < AddressSpace.ModulesStart || address >= AddressSpace.ModulesEnd || modules.FindByAddress(address) is not { } module)
            return null;
        return Nearest(module, address) is { } symbol
            ? $"{symbol.Name}+0x{address - symbol.Address:x}/0x{symbol.Next - symbol.Address:x} [{module.Name}]"
            : $"0x{address:x} [{module.Name}]";
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
            if (memory.ReadUInt16(symbol + SectionOffset) != 0 && memory.ReadString(strings + memory.ReadUInt32(symbol), 256) == name)
                return memory.ReadUInt64(symbol + ValueOffset);
        }

        return 0;
    }

    /// <summary>find_kallsyms_symbol() of kernel/module/kallsyms.c: the nearest symbol at or before, and where the next one begins.</summary>
    private (string Name, ulong Address, ulong Next)? Nearest(KernelModule module, ulong address)
    {
        var kallsyms = memory.ReadUInt64(module.Member("kallsyms"));
        if (kallsyms == 0)
            return null;
        var layout = image.Struct("mod_kallsyms");
        var table = memory.ReadUInt64(kallsyms + layout["symtab"]);
        var strings = memory.ReadUInt64(kallsyms + layout["strtab"]);
        var count = memory.ReadUInt32(kallsyms + layout["num_symtab"]);
        ulong best = 0, next = module.BaseAddress + module.Size;
        string? name = null;
        for (ulong i = 1; i < count; i++)
        {
            var symbol = table + (i * SymbolSize);
            if (memory.ReadUInt16(symbol + SectionOffset) == 0)
                continue;
            var value = memory.ReadUInt64(symbol + ValueOffset);
            if (value > address)
            {
                next = Math.Min(next, value);
            }
            else if (value > best && value >= module.BaseAddress) // of those with one address the first, which is not the alias init_module
            {
                var text = memory.ReadString(strings + memory.ReadUInt32(symbol), 256);
                if (text.Length != 0 && !text.StartsWith(".L", StringComparison.Ordinal))
                    (best, name) = (value, text);
            }
        }

        return name is null ? null : (name, best, next);
    }
}
