using Lkm.Kernel.Boot;
using Lkm.Machine;
using Lkm.Machine.Translation;

namespace Lkm.Kernel.Modules;

/// <summary>
/// Where functions begin and end, for the translator: by kallsyms in the image, by the module's own symbol table in a module. Init code runs
/// once, so it is not offered.
/// </summary>
internal sealed class CodeBounds(GuestMemory memory, KernelImage image, ModuleTable modules) : ICodeMap
{
    private const ulong SymbolSize = 24; // Elf64_Sym
    private const ulong ValueOffset = 8;
    private const byte Function = 2; // STT_FUNC, in the low bits of st_info

    private const ulong MadeCode = 64 << 10;

    private ulong _table;
    private ulong _base, _end;
    private ulong[] _starts = [];

    /// <inheritdoc/>
    public bool TryGetFunction(ulong address, out ulong start, out ulong end)
    {
        if (image.TryGetFunction(address, out start, out end))
            return true;
        if (address < AddressSpace.ModulesStart || address >= AddressSpace.ModulesEnd)
            return false;
        if (modules.FindByAddress(address) is not { } module)
        {
            // Code that the kernel made, BPF programs above all: where they begin nobody says, so what runs often does.
            (start, end) = (address, Math.Min(address + MadeCode, AddressSpace.ModulesEnd));
            return true;
        }
        Learn(module, address);
        var at = Array.BinarySearch(_starts, address);
        at = at >= 0 ? at : ~at - 1;
        if (at < 0 || address >= _end)
            return false;
        (start, end) = (_starts[at], at + 1 < _starts.Length ? _starts[at + 1] : _end);
        return true;
    }

    // The functions of the module that was asked for last; its table of symbols is another one when it is loaded again.
    private void Learn(KernelModule module, ulong address)
    {
        var kallsyms = memory.ReadUInt64(module.Member("kallsyms"));
        if (kallsyms == 0)
        {
            (_table, _starts) = (0, []);
            return;
        }
        var layout = image.Struct("mod_kallsyms");
        var table = memory.ReadUInt64(kallsyms + layout["symtab"]);
        if (table == _table && address >= _base && address < _end)
            return;
        var text = module.CoreText;
        (_table, _base, _end) = (table, text.Address, text.Address + text.Size);
        var starts = new List<ulong>();
        var count = memory.ReadUInt32(kallsyms + layout["num_symtab"]);
        for (ulong i = 1; i < count; i++)
        {
            var symbol = table + (i * SymbolSize);
            var value = memory.ReadUInt64(symbol + ValueOffset);
            if ((memory.ReadByte(symbol + 4) & 15) == Function && value >= _base && value < _end)
                starts.Add(value);
        }
        _starts = [.. starts.Distinct().Order()];
    }
}
