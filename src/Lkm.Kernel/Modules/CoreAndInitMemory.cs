using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Symbols;

namespace Lkm.Kernel.Modules;

/// <summary>Up to 6.3: struct module_layout core_layout and init_layout, each [text][constants][constant after init][data].</summary>
internal sealed class CoreAndInitMemory(ModuleContext kernel) : ModuleMemory(kernel)
{
    private static readonly string[] s_sizes = ["size", "text_size", "ro_size", "ro_after_init_size"];

    private readonly StructLayout _layout = kernel.Image.Struct("module_layout");

    public override ModulePlan NewPlan() => new Plan(this);

    public override ModuleBlock[] Blocks(KernelModule module) =>
        [Block(module, "core_layout", ModulePart.Text), Block(module, "init_layout", ModulePart.InitText)];

    public override void Protect(KernelModule module, bool afterInit)
    {
        var core = module.Member("core_layout");
        var start = Address(core);
        MakeReadOnly(start, start + Boundary(core, "ro_size"));
        if (afterInit)
            MakeReadOnly(start + Boundary(core, "ro_size"), start + Boundary(core, "ro_after_init_size"));
        var init = module.Member("init_layout");
        MakeExecutable(start, Boundary(core, "text_size"));
        MakeExecutable(Address(init), Boundary(init, "text_size"));
        MakeReadOnly(Address(init), Address(init) + Boundary(init, "ro_size"));
    }

    protected override void ForgetInit(KernelModule module)
    {
        var init = module.Member("init_layout");
        Kernel.Memory.WriteUInt64(init + _layout["base"], 0);
        foreach (var member in s_sizes)
            Kernel.Memory.WriteUInt32(init + _layout[member], 0);
    }

    private ModuleBlock Block(KernelModule module, string member, ModulePart part)
    {
        var layout = module.Member(member);
        return new ModuleBlock(part, Address(layout), Boundary(layout, "size"));
    }

    private ulong Address(ulong layout) => Kernel.Memory.ReadUInt64(layout + _layout["base"]);

    private uint Boundary(ulong layout, string member) => Kernel.Memory.ReadUInt32(layout + _layout[member]);

    private sealed class Plan(CoreAndInitMemory memory) : ModulePlan
    {
        private readonly Area _core = new(), _init = new();

        public override ulong TotalSize => _core.Size + _init.Size;

        public override ulong Reserve(ModulePart part, ulong size, ulong alignment)
        {
            var area = AreaOf(part);
            var offset = Align(area.Size, alignment);
            area.Size = offset + size;
            return offset;
        }

        public override void Close(ModulePart part)
        {
            var area = AreaOf(part);
            area.Size = AddressSpace.PageAlign(area.Size);
            switch (part)
            {
                case ModulePart.Text or ModulePart.InitText:
                    area.TextSize = area.Size;
                    break;
                case ModulePart.RoData or ModulePart.InitRoData:
                    area.RoSize = area.RoAfterInitSize = area.Size;
                    break;
                case ModulePart.RoAfterInit:
                    area.RoAfterInitSize = area.Size;
                    break;
            }
        }

        public override async GuestTask<bool> Allocate()
        {
            if (!await Allocate(_core))
                return false;
            if (_init.Size == 0 || await Allocate(_init))
                return true;
            await memory.Free(new ModuleBlock(ModulePart.Text, _core.Address, _core.Size));
            return false;
        }

        public override ulong AddressOf(ModulePart part, ulong offset) => AreaOf(part).Address + offset;

        public override void Store(KernelModule module)
        {
            Store(module.Member("core_layout"), _core);
            Store(module.Member("init_layout"), _init);
        }

        private void Store(ulong layout, Area area)
        {
            var (guest, members) = (memory.Kernel.Memory, memory._layout);
            guest.WriteUInt64(layout + members["base"], area.Address);
            guest.WriteUInt32(layout + members["size"], (uint)area.Size);
            guest.WriteUInt32(layout + members["text_size"], (uint)area.TextSize);
            guest.WriteUInt32(layout + members["ro_size"], (uint)area.RoSize);
            guest.WriteUInt32(layout + members["ro_after_init_size"], (uint)area.RoAfterInitSize);
        }

        private async GuestTask<bool> Allocate(Area area)
        {
            var address = await memory.Kernel.AllocateAsLoadModule(area.Size);
            if (address == 0)
                return false;
            memory.Kernel.Memory.Clear(address, area.Size);
            area.Address = address;
            return true;
        }

        private Area AreaOf(ModulePart part) => part < ModulePart.InitText ? _core : _init;

        private sealed class Area
        {
            public ulong Address, Size, TextSize, RoSize, RoAfterInitSize;
        }
    }
}
