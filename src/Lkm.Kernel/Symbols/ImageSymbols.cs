using Lkm.Formats.Kallsyms;
using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Symbols;

/// <summary>The image's kallsyms as the core asks for it.</summary>
internal sealed class ImageSymbols(SymbolTable table) : ISymbolTable
{
    /// <inheritdoc/>
    public bool TryFind(string name, out ulong address) => table.TryGetAddress(name, out address);

    /// <inheritdoc/>
    public string? Describe(ulong address)
    {
        if (address >= AddressSpace.ModulesStart) // behind the image the last symbol would seem to go on for ever
            return null;
        if (!table.TryFindByAddress(address, out var index, out var offset) || table.Address(index) < AddressSpace.KernelMap)
            return null;
        return $"{table.Name(index)}+0x{offset:x}/0x{table.Size(index):x}";
    }

    /// <inheritdoc/>
    public string? DescribePerCpu(ulong offset) =>
        table.TryFindByAddress(offset, out var index, out var inside) ? $"{table.Name(index)}+0x{inside:x}/0x{table.Size(index):x}" : null;

    /// <inheritdoc/>
    public bool TryGetBounds(ulong address, out ulong start, out ulong end)
    {
        (start, end) = (0, 0);
        if (!table.TryFindByAddress(address, out var index, out var offset))
            return false;
        (start, end) = (address - offset, address - offset + table.Size(index));
        return address < end;
    }
}
