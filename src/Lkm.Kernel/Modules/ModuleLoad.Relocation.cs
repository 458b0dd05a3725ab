using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// apply_relocations() of kernel/module/main.c, apply_relocate_add() of arch/x86/kernel/module.c, and what follows them.
internal sealed partial class ModuleLoad
{
    private async GuestTask<Refusal?> Relocate()
    {
        foreach (var section in _info.Sections)
        {
            if (section.Elf.Type is not (SectionType.Rela or SectionType.Rel) || section.Elf.Info >= _info.Sections.Length)
                continue;
            var target = _info.Sections[(int)section.Elf.Info];
            if ((target.Flags & SectionFlags.Alloc) == 0)
                continue;
            if ((section.Flags & SectionFlags.RelaLivepatch) != 0)
            {
                if (await RelocateLivePatch(section) is { } unresolved)
                    return unresolved;
                continue;
            }

            if (section.Elf.Type == SectionType.Rel)
            {
                _kernel.Error($"module {Name}: REL relocation unsupported");
                return Refuse(Errno.ENOEXEC, $"has relocations without addends ({section.Name}), which x86-64 Linux does not use");
            }

            if (!_info.Elf.Relocations(section.Elf).TryGet(out var relocations, out var error))
                return Refuse(Errno.ENOEXEC, error.Reason);
            if (Relocate(relocations, target) is { } refusal)
                return refusal;
            _observer?.Invoke(new SectionRelocated(Name, target.Name, relocations.Count));
        }

        return null;
    }

    /// <summary>
    /// The kernel's live patching resolves and applies these: now those against the kernel itself (.klp.rela.vmlinux.*), those against a
    /// module when that is there.
    /// </summary>
    private async GuestTask<Refusal?> RelocateLivePatch(LoadSection section)
    {
        const string function = "klp_apply_section_relocs";
        if (!_kernel.Has(function))
            return Refuse(Errno.ENOEXEC, $"has relocations of a live patch ({section.Name}), and this kernel has no {function}()");
        var layout = _kernel.Image.Struct("load_info");
        ulong Member(string name) => Memory.ReadUInt64(_info.Address + layout[name]);
        const ulong ofTheKernel = 0;
        var code = (int)await _kernel.Calls.Call(
            _kernel.Image.Symbol(function), _module.Address, Member("sechdrs"), Member("secstrings"), _info.StringSection.Address,
            (ulong)_info.SymbolSection.Elf.Index, (ulong)section.Elf.Index, ofTheKernel);
        return code == 0 ? null : new Refusal(code, $"{Name} is a live patch whose {section.Name} cannot be applied ({Refusal.Name(code)})");
    }

    private Refusal? Relocate(ElfRelocationTable relocations, LoadSection target)
    {
        for (var i = 0; i < relocations.Count; i++)
        {
            var relocation = relocations[i];
            var place = target.Address + relocation.Offset;
            var value = X86Relocation.Compute(relocation.X86Type, _values[relocation.Symbol], relocation.Addend, place);
            if (value.Outcome == RelocationOutcome.Unsupported)
            {
                _kernel.Error($"module: {Name}: Unknown rela relocation: {relocation.Type}");
                return Refuse(Errno.ENOEXEC, $"has a relocation that Linux does not know: {relocation.X86Type}, in {target.Name}");
            }

            if ((value.Width == 8 && Memory.ReadUInt64(place) != 0) || (value.Width == 4 && Memory.ReadUInt32(place) != 0))
            {
                _kernel.Error($"module: x86/modules: Skipping invalid relocation target, existing value is nonzero for type {relocation.Type}, loc {place:x16}, val {value.Value:x}");
                return Refuse(Errno.ENOEXEC, $"was relocated before: {target.Name}+0x{relocation.Offset:x} is not zero");
            }

            if (value.Outcome == RelocationOutcome.Overflow)
            {
                _kernel.Error($"module: overflow in relocation type {relocation.Type} val {value.Value:x}");
                _kernel.Error($"module: `{Name}' likely not compiled with -mcmodel=kernel");
                return Refuse(Errno.ENOEXEC, $"has an address that does not fit its place ({relocation.X86Type} at {target.Name}+0x{relocation.Offset:x}): compile it with -mcmodel=kernel");
            }

            if (value.Width == 8)
                Memory.WriteUInt64(place, value.Value);
            else if (value.Width == 4)
                Memory.WriteUInt32(place, (uint)value.Value);
            if (_watched is not null && relocation.X86Type is X86RelocationType.R_X86_64_PLT32 or X86RelocationType.R_X86_64_PC32 && _watched.Contains(relocation.Symbol))
                _kernel.CallWatch!.Relocated(_values[relocation.Symbol], place);
        }

        return null;
    }

    /// <summary>post_relocation(): tables that addresses sort, per-CPU data, symbols, and the patching that the image does itself.</summary>
    private async GuestTask<Refusal?> Finish()
    {
        var table = _module.Read("extable");
        var end = table + (_module.ReadUInt32("num_exentries") * _kernel.Image.Struct("exception_table_entry").Size);
        await _kernel.Call("sort_extable", table, end);
        CopyPerCpu();
        AddKallsyms();
        // Paravirt calls, retpolines, return thunks, alternatives, SMP locks, unwind tables: in the order that they need.
        var headers = Memory.ReadUInt64(_info.Address + _kernel.Image.Struct("load_info")["sechdrs"]);
        var code = await _kernel.CallInt("module_finalize", _info.Header, headers, _module.Address);
        if (code < 0)
            return new Refusal(code, $"{Name} could not be adapted to this processor ({Refusal.Name(code)})");
        _undo.Push(CleanUpArchitecture);
        return null;
    }

    /// <summary>module_arch_cleanup().</summary>
    private GuestTask CleanUpArchitecture() => _kernel.CallIfPresent("module_arch_cleanup", _module.Address);
}
