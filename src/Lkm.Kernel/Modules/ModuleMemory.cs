using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>One allocation of a module's memory.</summary>
/// <param name="Part">What its first bytes are for.</param>
/// <param name="Address">Where it begins; 0 while there is none.</param>
/// <param name="Size">Its bytes.</param>
internal readonly record struct ModuleBlock(ModulePart Part, ulong Address, ulong Size)
{
    /// <summary>Whether it is there, and freed once the module's init function is done.</summary>
    public bool IsInit => Part >= ModulePart.InitText && Size != 0;

    /// <summary>Whether an address lies in it.</summary>
    public bool Contains(ulong address) => Size != 0 && address - Address < Size;
}

/// <summary>
/// How struct module describes the module's memory: the one thing about it that changed much between kernels. Up to 6.3 there are two
/// allocations, core_layout and init_layout, each with its boundaries; since 6.4 each <see cref="ModulePart"/> has one, in mem[].
/// </summary>
internal abstract class ModuleMemory(ModuleContext kernel)
{
    /// <summary>MODULES_LEN: what module_alloc() could give at most, in bytes.</summary>
    public const ulong MaximumSize = AddressSpace.ModulesEnd - AddressSpace.ModulesStart;

    protected ModuleContext Kernel { get; } = kernel;

    /// <summary>The way of this kernel.</summary>
    public static ModuleMemory Of(ModuleContext kernel) => kernel.MemoryLayout;

    /// <summary>The way of a kernel that is being looked at for the first time.</summary>
    public static ModuleMemory Create(ModuleContext kernel) =>
        kernel.Layout.Find("mem") is null ? new CoreAndInitMemory(kernel) : new SeparateMemory(kernel);

    /// <summary>An empty plan for a new module.</summary>
    public abstract ModulePlan NewPlan();

    /// <summary>The allocations of a module, those of the init part last.</summary>
    public abstract ModuleBlock[] Blocks(KernelModule module);

    /// <summary>What lsmod shows as size, in bytes.</summary>
    public ulong SizeOf(KernelModule module)
    {
        var size = 0UL;
        foreach (var block in Blocks(module))
            size += block.Size;
        return size;
    }

    /// <summary>Where the code begins.</summary>
    public ulong BaseOf(KernelModule module) => Blocks(module)[0].Address;

    /// <summary>within_module().</summary>
    public bool Contains(KernelModule module, ulong address)
    {
        foreach (var block in Blocks(module))
        {
            if (block.Contains(address))
                return true;
        }

        return false;
    }

    /// <summary>mod_update_bounds(): the addresses between which __module_address() searches at all.</summary>
    public void UpdateBounds(KernelModule module)
    {
        var tree = Kernel.Image.Symbol("mod_tree");
        var root = Kernel.Image.Struct("mod_tree_root");
        var (least, greatest) = (tree + root["addr_min"], tree + root["addr_max"]);
        foreach (var block in Blocks(module))
        {
            if (block.Size == 0)
                continue;
            Kernel.Memory.WriteUInt64(least, Math.Min(Kernel.Memory.ReadUInt64(least), block.Address));
            Kernel.Memory.WriteUInt64(greatest, Math.Max(Kernel.Memory.ReadUInt64(greatest), block.Address + block.Size));
        }
    }

    /// <summary>module_enable_ro(): from here on writing to code and constants is a fault.</summary>
    /// <param name="module">The module.</param>
    /// <param name="afterInit">Whether its init function is done, so that __ro_after_init data are constant too.</param>
    public abstract void Protect(KernelModule module, bool afterInit);

    /// <summary>Forgets the init allocations in the struct, and frees them.</summary>
    public async GuestTask FreeInit(KernelModule module)
    {
        var blocks = Blocks(module);
        ForgetInit(module);
        foreach (var block in blocks)
        {
            if (!block.IsInit)
                continue;
            await Free(block);
            Kernel.Memory.SetAccess(block.Address, AddressSpace.PageAlign(block.Size), Shadow.InitFreed);
        }
    }

    /// <summary>Frees all allocations; the struct lies in one of them and is gone afterwards.</summary>
    public async GuestTask FreeAll(KernelModule module)
    {
        var blocks = Blocks(module);
        for (var i = blocks.Length - 1; i >= 0; i--)
        {
            if (blocks[i].Address != 0)
                await Free(blocks[i]);
        }
    }

    /// <summary>module_memfree().</summary>
    public async GuestTask Free(ModuleBlock block)
    {
        Kernel.CallWatch?.Freed(block.Address, block.Size);
        Kernel.Memory.SetAccess(block.Address, AddressSpace.PageAlign(block.Size), Shadow.Accessible);
        await Kernel.Call(Kernel.Has("module_memfree") ? "module_memfree" : "execmem_free", block.Address);
    }

    protected abstract void ForgetInit(KernelModule module);

    protected void MakeReadOnly(ulong start, ulong end)
    {
        if (end > start)
        {
            Kernel.Memory.SetAccess(start, end - start, Shadow.ReadOnly);
            Tables.Change(start, end - start, 0, KernelPageTables.Writable);
        }
    }

    /// <summary>module_enable_x().</summary>
    protected void MakeExecutable(ulong start, ulong size)
    {
        if (size != 0)
            Tables.Change(start, size, 0, KernelPageTables.NoExecute);
    }

    private KernelPageTables Tables => new(Kernel.Memory);
}

/// <summary>
/// The lay-out of a module that is being loaded (layout_sections(), layout_symtab()): sizes first, then addresses.
/// </summary>
internal abstract class ModulePlan
{
    /// <summary>Bytes wanted in all.</summary>
    public abstract ulong TotalSize { get; }

    /// <summary>module_get_offset(): room at the end of a part. Parts of one allocation must be filled in their order.</summary>
    /// <returns>The offset in the part's allocation.</returns>
    public abstract ulong Reserve(ModulePart part, ulong size, ulong alignment);

    /// <summary>Ends a part.</summary>
    public abstract void Close(ModulePart part);

    /// <summary>Allocates what was reserved, zeroed.</summary>
    /// <returns>False when there is not enough memory; nothing is allocated then.</returns>
    public abstract GuestTask<bool> Allocate();

    /// <summary>The address of an offset that <see cref="Reserve"/> gave.</summary>
    public abstract ulong AddressOf(ModulePart part, ulong offset);

    /// <summary>Enters the addresses and sizes into struct module.</summary>
    public abstract void Store(KernelModule module);

    protected static ulong Align(ulong size, ulong alignment) => (size + alignment - 1) & ~(alignment - 1);
}
