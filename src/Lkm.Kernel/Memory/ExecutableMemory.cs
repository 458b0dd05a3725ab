using Lkm.Kernel.Boot;
using Lkm.Kernel.Modules;
using Lkm.Machine;

namespace Lkm.Kernel.Memory;

/// <summary>
/// Which kernel memory may be executed (_PAGE_NX). On Linux that is the code of the image, of modules, and what set_memory_x() was called for: neither
/// data nor stacks, nor what kmalloc() and vmalloc() give.
/// </summary>
internal sealed class ExecutableMemory(KernelImage image, ModuleTable modules)
{
    private readonly (ulong Start, ulong End)[] _data = [Between(image, "__start_rodata", "__init_begin"), Between(image, "__init_end", "_end")];
    private readonly HashSet<ulong> _made = [];

    /// <summary>Whether an instruction may be fetched from an address of the kernel.</summary>
    public bool IsExecutable(ulong address) => address switch
    {
        >= AddressSpace.ModulesEnd => true,
        >= AddressSpace.ModulesStart => modules.FindByAddress(address) is not { } module || module.IsText(address) || IsMade(address),
        >= AddressSpace.KernelMap => !IsData(address) || IsMade(address),
        >= AddressSpace.Core => true, // lkm's own
        _ => IsMade(address),
    };

    /// <summary>set_memory_x() and set_memory_nx().</summary>
    public void Change(ulong address, ulong size, bool isExecutable)
    {
        for (var page = address; page < address + size; page += AddressSpace.PageSize)
        {
            if (isExecutable)
                _made.Add(page);
            else
                _made.Remove(page);
        }
    }

    private bool IsData(ulong address)
    {
        foreach (var (start, end) in _data)
        {
            if (address >= start && address < end)
                return true;
        }

        return false;
    }

    private bool IsMade(ulong address) => _made.Contains(address & ~(AddressSpace.PageSize - 1));

    private static (ulong Start, ulong End) Between(KernelImage image, string first, string last) =>
        image.TrySymbol(first, out var start) && image.TrySymbol(last, out var end) ? (start, end) : (0, 0);
}
