using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Symbols;

namespace Lkm.Kernel.Modules;

/// <summary>Since 6.4: struct module_memory mem[], an allocation for each <see cref="ModulePart"/>.</summary>
internal sealed class SeparateMemory(ModuleContext kernel) : ModuleMemory(kernel)
{
    private const int Parts = (int)ModulePart.InitRoData + 1;

    private readonly StructLayout _memory = kernel.Image.Struct("module_memory");

    public override ModulePlan NewPlan() => new Plan(this);

    public override ModuleBlock[] Blocks(KernelModule module)
    {
        var blocks = new ModuleBlock[(int)ModulePart.InitRoData + 1];
        for (var part = ModulePart.Text; part <= ModulePart.InitRoData; part++)
        {
            var entry = Entry(module, part);
            blocks[(int)part] = new ModuleBlock(
                part, Kernel.Memory.ReadUInt64(entry + _memory["base"]), Kernel.Memory.ReadUInt32(entry + _memory["size"]));
        }

        return blocks;
    }

    public override void Protect(KernelModule module, bool afterInit)
    {
        foreach (var block in Blocks(module))
        {
            if (block.Part is ModulePart.Text or ModulePart.InitText)
                MakeExecutable(block.Address, block.Size);
            if (block.Part is ModulePart.Text or ModulePart.RoData or ModulePart.InitText or ModulePart.InitRoData
                || (afterInit && block.Part == ModulePart.RoAfterInit))
            {
                MakeReadOnly(block.Address, block.Address + block.Size);
            }
        }
    }

    protected override void ForgetInit(KernelModule module)
    {
        for (var part = ModulePart.InitText; part <= ModulePart.InitRoData; part++)
        {
            Kernel.Memory.WriteUInt64(Entry(module, part) + _memory["base"], 0);
            Kernel.Memory.WriteUInt32(Entry(module, part) + _memory["size"], 0);
        }
    }

    private ulong Entry(KernelModule module, ModulePart part) => module.Member("mem") + ((ulong)part * _memory.Size);

    private GuestCall AllocateBlock(ModulePart part, ulong size) => Kernel.Has("module_alloc")
        ? Kernel.Call("module_alloc", size)
        : Kernel.Call(
            "execmem_alloc",
            (ulong)(Kernel.Image.Enumerator(part is ModulePart.Text or ModulePart.InitText ? "EXECMEM_MODULE_TEXT" : "EXECMEM_MODULE_DATA") ?? 0),
            size);

    private sealed class Plan(SeparateMemory memory) : ModulePlan
    {
        private readonly ulong[] _sizes = new ulong[Parts], _addresses = new ulong[Parts];

        public override ulong TotalSize => _sizes.Aggregate(0UL, (sum, size) => sum + AddressSpace.PageAlign(size));

        public override ulong Reserve(ModulePart part, ulong size, ulong alignment)
        {
            var offset = Align(_sizes[(int)part], alignment);
            _sizes[(int)part] = offset + size;
            return offset;
        }

        public override void Close(ModulePart part)
        {
            // Whole pages come with the allocation.
        }

        public override async GuestTask<bool> Allocate()
        {
            for (var part = 0; part < Parts; part++)
            {
                _sizes[part] = AddressSpace.PageAlign(_sizes[part]);
                if (_sizes[part] == 0)
                    continue;
                _addresses[part] = await memory.AllocateBlock((ModulePart)part, _sizes[part]);
                if (_addresses[part] == 0)
                {
                    for (var earlier = 0; earlier < part; earlier++)
                    {
                        if (_addresses[earlier] != 0)
                            await memory.Free(new ModuleBlock((ModulePart)earlier, _addresses[earlier], _sizes[earlier]));
                    }

                    return false;
                }

                memory.Kernel.Memory.Clear(_addresses[part], _sizes[part]);
            }

            return true;
        }

        public override ulong AddressOf(ModulePart part, ulong offset) => _addresses[(int)part] + offset;

        public override void Store(KernelModule module)
        {
            var (guest, members) = (memory.Kernel.Memory, memory._memory);
            for (var part = ModulePart.Text; part <= ModulePart.InitRoData; part++)
            {
                var entry = memory.Entry(module, part);
                guest.WriteUInt64(entry + members["base"], _addresses[(int)part]);
                guest.WriteUInt32(entry + members["size"], (uint)_sizes[(int)part]);
                if (members.Find("rw_copy") is { } writable)
                    guest.WriteUInt64(entry + writable, _addresses[(int)part]);
            }
        }
    }
}
