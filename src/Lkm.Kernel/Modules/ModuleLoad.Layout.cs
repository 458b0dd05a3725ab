using System.Numerics;
using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// layout_and_allocate() and add_unformed_module() of kernel/module/main.c.
internal sealed partial class ModuleLoad
{
    private readonly ModulePlan _layoutPlan;

    /// <summary>The order of parts in memory, and what makes a section belong to one: all of these flags, none of those.</summary>
    private static readonly (SectionFlags All, SectionFlags None, ModulePart Core, ModulePart Init)[] Order =
    [
        (SectionFlags.Execute | SectionFlags.Alloc, 0, ModulePart.Text, ModulePart.InitText),
        (SectionFlags.Alloc, SectionFlags.Write, ModulePart.RoData, ModulePart.InitRoData),
        (SectionFlags.ReadOnlyAfterInit | SectionFlags.Alloc, 0, ModulePart.RoAfterInit, ModulePart.InitData),
        (SectionFlags.Write | SectionFlags.Alloc, 0, ModulePart.Data, ModulePart.InitData),
    ];

    /// <summary>Lays the module out, allocates its memory and copies its sections there.</summary>
    private async GuestTask<Refusal?> Place()
    {
        if (PrepareSections() is { } refusal)
            return refusal;
        LayOutSections(init: false);
        LayOutSections(init: true);
        LayOutSymbols();
        if (_layoutPlan.TotalSize > ModuleMemory.MaximumSize)
            return Refuse(Errno.ENOMEM, $"needs {_layoutPlan.TotalSize} bytes, and module space has {ModuleMemory.MaximumSize}");
        if (!await _layoutPlan.Allocate())
            return Refuse(Errno.ENOMEM, $"needs {_layoutPlan.TotalSize} bytes, and there is no module space left for it");
        CopySections();
        _module = new KernelModule(_kernel, _info.ThisModule.Address);
        _info.SetModule(_module.Address);
        _layoutPlan.Store(_module);
        _undo.Push(Deallocate);
        return null;
    }

    /// <summary>Checks what arithmetic relies on, and marks sections that are treated specially.</summary>
    private Refusal? PrepareSections()
    {
        foreach (var section in _info.Sections)
        {
            if ((section.Flags & SectionFlags.Alloc) != 0
                && (section.Elf.Size > ModuleMemory.MaximumSize || BitOperations.PopCount(section.Elf.Alignment) > 1
                    || section.Elf.Alignment > ModuleMemory.MaximumSize))
            {
                return Refuse(Errno.ENOEXEC, $"has a section {section.Name} of 0x{section.Elf.Size:x} bytes, aligned to 0x{section.Elf.Alignment:x}");
            }
        }

        // Per-CPU data get memory of their own later.
        _info.PerCpu?.Discard();
        if (_info.Find(".data..ro_after_init"u8) is { } roAfterInit)
            roAfterInit.Flags |= SectionFlags.ReadOnlyAfterInit;
        // Static keys change code, never these tables.
        if (_info.Find("__jump_table"u8) is { } jumpTable)
            jumpTable.Flags |= SectionFlags.ReadOnlyAfterInit;
        return null;
    }

    private void LayOutSections(bool init)
    {
        foreach (var (all, none, core, initPart) in Order)
        {
            var part = init ? initPart : core;
            foreach (var section in _info.Sections)
            {
                if ((section.Flags & all) != all || (section.Flags & none) != 0 || section.Part is not null
                    || section.Elf.NameUtf8.StartsWith(".init"u8) != init)
                {
                    continue;
                }

                section.Part = part;
                section.Offset = _layoutPlan.Reserve(part, section.Elf.Size, Math.Max(section.Elf.Alignment, 1));
            }

            _layoutPlan.Close(part);
        }
    }

    private void CopySections()
    {
        foreach (var section in _info.Sections)
        {
            if ((section.Flags & SectionFlags.Alloc) == 0 || section.Part is not { } part)
                continue;
            var address = _layoutPlan.AddressOf(part, section.Offset);
            if (section.HasData && section.Elf.Size != 0) // a part may be empty, and then is nowhere
                Memory.Copy(section.Address, address, section.Elf.Size);
            section.Address = address;
            _observer?.Invoke(new SectionPlaced(Name, section.Name, address, section.Elf.Size, part));
        }
    }

    /// <summary>module_deallocate().</summary>
    private async GuestTask Deallocate()
    {
        if (_module.Read("percpu") is var percpu and not 0)
            await _kernel.Call("free_percpu", percpu);
        await _kernel.MemoryLayout.FreeAll(_module);
    }

    /// <summary>Takes the name in the list of modules, or waits for another load of the same module to end.</summary>
    private async GuestTask<Refusal?> Enlist()
    {
        _module.State = ModuleState.Unformed;
        await _kernel.Lock();
        if (_modules.FindAny(Name) is { } old)
        {
            if (old.State is ModuleState.Coming or ModuleState.Unformed)
            {
                await _kernel.Unlock();
                var code = await _kernel.Wait(FinishedLoading);
                if (code != 0)
                    return new Refusal(code, $"waiting for another load of {Name} was interrupted");
                await _kernel.Lock();
                old = _modules.FindAny(Name);
            }

            await _kernel.Unlock();
            return old is { State: ModuleState.Live }
                ? Refuse(Errno.EEXIST, "is already loaded; unload it first")
                : Refuse(Errno.EBUSY, "was just being loaded by somebody else, who failed, or is being unloaded");
        }

        await _modules.Add(_module);
        await _kernel.Unlock();
        _undo.Push(Delist);
        await NoteSignature();
        return await AllocatePerCpu();
    }

    /// <summary>finished_loading().</summary>
    private async GuestTask<bool> FinishedLoading()
    {
        await _kernel.Lock();
        var module = _modules.FindAny(Name);
        await _kernel.Unlock();
        return module is null || module.State is ModuleState.Live or ModuleState.Going;
    }

    private async GuestTask Delist()
    {
        await _kernel.Lock();
        await _modules.Remove(_module);
        await _kernel.WakeUpAll();
        await _kernel.Call("synchronize_rcu");
        await _kernel.Unlock();
        _observer?.Invoke(new StateEntered(Name, null));
    }

    /// <summary>percpu_modalloc().</summary>
    private async GuestTask<Refusal?> AllocatePerCpu()
    {
        const ulong gfpKernel = 0xcc0;
        if (_info.PerCpu is not { } section || section.Elf.Size == 0)
            return null;
        var alignment = section.Elf.Alignment;
        if (alignment > AddressSpace.PageSize)
        {
            _kernel.Warn($"{Name}: per-cpu alignment {alignment} > {AddressSpace.PageSize}");
            alignment = AddressSpace.PageSize;
        }

        var percpu = _kernel.Has("__alloc_reserved_percpu")
            ? await _kernel.Call("__alloc_reserved_percpu", section.Elf.Size, alignment)
            : await _kernel.Call("pcpu_alloc_noprof", section.Elf.Size, alignment, 1, gfpKernel);
        if (percpu == 0)
        {
            _kernel.Warn($"{Name}: Could not allocate {section.Elf.Size} bytes percpu data");
            return Refuse(Errno.ENOMEM, $"needs {section.Elf.Size} bytes of per-CPU memory, which there are not");
        }

        _module.Write("percpu", percpu);
        _module.WriteUInt32("percpu_size", (uint)section.Elf.Size);
        return null;
    }

    /// <summary>percpu_modcopy(): every processor's copy begins as the file has it.</summary>
    private void CopyPerCpu()
    {
        if (_info.PerCpu is not { } section || section.Elf.Size == 0 || !section.HasData)
            return;
        var offsets = _kernel.Image.Symbol("__per_cpu_offset");
        var possible = Memory.ReadUInt64(_kernel.Image.Symbol("__cpu_possible_mask"));
        for (var cpu = 0; cpu < 64; cpu++)
        {
            if ((possible >> cpu & 1) != 0)
                Memory.Copy(section.Address, _module.Read("percpu") + Memory.ReadUInt64(offsets + ((ulong)cpu * 8)), section.Elf.Size);
        }
    }
}
