using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// What is asked of the file before it gets any memory: kernel/module/main.c, version.c.
internal sealed partial class ModuleLoad
{
    private Refusal? OpenFile()
    {
        const int error = 3, warning = 4;
        var problem = _info.OpenElf();
        var level = problem is null ? warning : error;
        if (problem is null && _info.Open(_flags, out problem))
        {
            Passed("ELF", $"{_info.Sections.Length} sections, {_info.Symbols.Count} symbols");
            return null;
        }

        if (problem!.KernelMessage is { } message)
            _kernel.Print(level, message);
        return Refuse(problem.Errno, Name.Length == 0 ? $"cannot be loaded: {problem.Reason}" : problem.Reason);
    }

    /// <summary>blacklisted(): module_blacklist= of the kernel command line.</summary>
    private Refusal? CheckBlacklist()
    {
        if (!_kernel.Image.TrySymbol("module_blacklist", out var variable) || Memory.ReadUInt64(variable) is not (var list and not 0))
            return null;
        if (!_kernel.Text(list).Split(',').Contains(Name))
            return null;
        _kernel.Error($"Module {Name} is blacklisted");
        return Refuse(Errno.EPERM, "is on the blacklist of the kernel command line (module_blacklist=)");
    }

    /// <summary>check_modstruct_version(): the CRC of module_layout stands for the layout of struct module.</summary>
    private async GuestTask<Refusal?> CheckModuleStructVersion()
    {
        const string moduleLayout = "module_layout";
        _module = new KernelModule(_kernel, _info.ThisModule.Address);
        var hasVersions = _symbols.TryFind(moduleLayout, gplOk: true, out var symbol); // a kernel without CONFIG_MODVERSIONS exports none
        if (!hasVersions || await CheckVersion(moduleLayout, symbol))
            return null;
        return Refuse(Errno.ENOEXEC, $"was built for a kernel with other structures: {BuiltFor()}");
    }

    /// <summary>check_version(): whether a symbol is of the type that the module was built with.</summary>
    private async GuestTask<bool> CheckVersion(string name, KernelSymbol symbol)
    {
        if (_symbols.CrcOf(symbol) is not { } crc)
            return true;
        if (_info.VersionSection is null)
            return await TryToForceLoad(name);
        if (_info.VersionOf(name) is not { } expected)
        {
            _kernel.Warn($"{Name}: no symbol version for {name}");
            return false;
        }

        if (expected == crc)
            return true;
        _kernel.Warn($"{Name}: disagrees about version of symbol {name}");
        return false;
    }

    /// <summary>
    /// try_to_force_load(): CONFIG_MODULE_FORCE_LOAD lets a module in without its checks, and says so. Borrowed, for it is
    /// compiled to nothing but the error where the option is off.
    /// </summary>
    private async GuestTask<bool> TryToForceLoad(string reason)
    {
        if (!_kernel.Has("try_to_force_load"))
            return false;
        var text = await _kernel.Duplicate(ModuleContext.Bytes(reason));
        var code = await _kernel.CallInt("try_to_force_load", _module.Address, text);
        await _kernel.Free(text);
        return code == 0;
    }

    /// <summary>check_modinfo(): version magic, origin and licence.</summary>
    private async GuestTask<Refusal?> CheckModinfo()
    {
        var magic = (_flags & ModuleLoadFlags.IgnoreVermagic) == 0 ? _info.Modinfo["vermagic"u8] : null;
        var own = _kernel.VersionMagic;
        if (magic is null)
        {
            if (!await TryToForceLoad("bad vermagic"))
                return Refuse(Errno.ENOEXEC, "does not say which kernel it was built for (it has no vermagic)");
        }
        else if (!SameMagic(magic, own, _info.VersionSection is not null))
        {
            _kernel.Error($"{Name}: version magic '{magic}' should be '{own}'");
            return Refuse(Errno.ENOEXEC, $"was {BuiltFor()}; build it for this kernel");
        }

        Passed("vermagic", magic ?? "ignored");
        await CheckOrigin();
        if (_info.Modinfo["livepatch"u8] is not null && await CheckLivePatch() is { } refusal)
            return refusal;
        await SetLicense(_info.Modinfo["license"u8] ?? "unspecified");
        if (_info.Modinfo["test"u8] is not null && _kernel.IsAtLeast(5, 19))
            await TaintFirst(Modules.Taint.Test, $"{Name}: loading test module taints kernel.");
        return CheckSectionFlags();
    }

    /// <summary>check_modinfo_livepatch(): the kernel's livepatch code, and what it keeps of the file, do the rest.</summary>
    private async GuestTask<Refusal?> CheckLivePatch()
    {
        if (_kernel.Layout.Find("klp") is not { } member || !_kernel.Has("copy_module_elf"))
        {
            _kernel.Error($"{Name}: module is marked as livepatch module, but livepatch support is disabled");
            return Refuse(Errno.ENOEXEC, "is a live patch, and this kernel has no live patching");
        }

        Memory.WriteByte(_module.Address + member, 1);
        if (!_kernel.IsTainted(Modules.Taint.LivePatch))
            _kernel.Notice($"{Name}: tainting kernel with TAINT_LIVEPATCH");
        await Taint(Modules.Taint.LivePatch);
        return null;
    }

    private async GuestTask CheckOrigin()
    {
        if (_info.Modinfo["intree"u8] is null)
            await TaintFirst(Modules.Taint.OutOfTreeModule, $"{Name}: loading out-of-tree module taints kernel.");
        if (_kernel.Has("retpoline_module_ok")
            && (await _kernel.Call("retpoline_module_ok", _info.Modinfo["retpoline"u8] is null ? 0UL : 1) & 0xff) == 0)
        {
            _kernel.Warn($"{Name}: loading module not compiled with retpoline compiler.");
        }

        if (_info.Modinfo["staging"u8] is not null)
        {
            await Taint(Modules.Taint.Crap);
            _kernel.Warn($"{Name}: module is from the staging directory, the quality is unknown, you have been warned.");
        }
    }

    private async GuestTask SetLicense(string license)
    {
        var isGplCompatible = license is "GPL" or "GPL v2" or "GPL and additional rights" or "Dual BSD/GPL" or "Dual MIT/GPL" or "Dual MPL/GPL";
        if (!isGplCompatible)
            await TaintFirst(Modules.Taint.ProprietaryModule, $"{Name}: module license '{license}' taints kernel.");
        Passed("license", license);
    }

    private async GuestTask TaintFirst(Taint taint, string message)
    {
        if (!_kernel.IsTainted(taint))
            _kernel.Warn(message);
        await Taint(taint);
    }

    /// <summary>module_enforce_rwx_sections().</summary>
    private Refusal? CheckSectionFlags()
    {
        const SectionFlags writeExecute = SectionFlags.Write | SectionFlags.Execute;
        foreach (var section in _info.Sections)
        {
            if ((section.Flags & writeExecute) != writeExecute)
                continue;
            _kernel.Error($"{Name}: section {section.Name} (index {section.Elf.Index}) has invalid WRITE|EXEC flags");
            return Refuse(Errno.ENOEXEC, $"has a section that is both writable and executable: {section.Name}");
        }

        return null;
    }

    /// <summary>same_magic(): with CRCs in the module the release does not count.</summary>
    private static bool SameMagic(ReadOnlySpan<char> magic, ReadOnlySpan<char> own, bool hasCrcs)
    {
        return hasCrcs ? AfterRelease(magic).SequenceEqual(AfterRelease(own)) : magic.SequenceEqual(own);

        static ReadOnlySpan<char> AfterRelease(ReadOnlySpan<char> text) => text.IndexOf(' ') is var end and >= 0 ? text[end..] : default;
    }

    private string BuiltFor()
    {
        var own = _kernel.VersionMagic;
        if (_info.Modinfo["vermagic"u8] is not { } magic)
            return "it does not say for which kernel it was built";
        if (magic == own)
            return $"it says that it was built for this kernel ({own.Split(' ')[0]}), but with other headers or another configuration";
        var (release, ownRelease) = (magic.Split(' ')[0], own.Split(' ')[0]);
        return release == ownRelease
            ? $"built with vermagic '{magic}', this kernel has '{own}'"
            : $"built for {release}, this kernel is {ownRelease} (vermagic)";
    }
}
