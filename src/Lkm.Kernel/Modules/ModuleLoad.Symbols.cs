using Lkm.Formats;
using Lkm.Formats.Elf;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// simplify_symbols() and resolve_symbol() of kernel/module/main.c.
internal sealed partial class ModuleLoad
{
    private const ulong PatienceInSeconds = 30;

    private ulong[] _values = [];
    private HashSet<int>? _watched; // symbols of functions whose calls somebody wants to know

    /// <summary>Gives every symbol its address, in the symbol table as well. All that cannot be resolved is reported, not only the first.</summary>
    private async GuestTask<Refusal?> Resolve()
    {
        Refusal? refusal = null;
        List<string>? unknown = null;
        _values = new ulong[_info.Symbols.Count];
        for (var i = 1; i < _values.Length; i++)
        {
            var symbol = _info.Symbols[i];
            var value = symbol.Value;
            switch (symbol.Section)
            {
                case SectionIndex.Undefined:
                    var (found, code, reason) = await ResolveUndefined(symbol);
                    value = found;
                    if (_kernel.CallWatch?.Wants(_info.Symbols.NameUtf8(symbol)) == true)
                        (_watched ??= []).Add(i);
                    if (code != 0)
                    {
                        var name = _info.Symbols.Name(symbol);
                        _kernel.Warn($"{Name}: Unknown symbol {name} (err {code})");
                        if (reason is null)
                            (unknown ??= []).Add(name);
                        refusal = new Refusal(code, reason ?? "");
                    }

                    break;
                case SectionIndex.Common:
                    if (_info.Symbols.NameUtf8(symbol).StartsWith("__gnu_lto"u8))
                        break;
                    _kernel.Warn($"{Name}: please compile with -fno-common");
                    refusal = Refuse(Errno.ENOEXEC, "has common symbols; compile it with -fno-common");
                    break;
                case SectionIndex.Absolute or SectionIndex.Livepatch:
                    break;
                case var index when index >= _info.Sections.Length:
                    _kernel.Error($"{Name}: Symbol {_info.Symbols.Name(symbol)} has an invalid section index {index} (max {_info.Sections.Length - 1})");
                    refusal = Refuse(Errno.ENOEXEC, $"has a symbol {_info.Symbols.Name(symbol)} in a section that does not exist");
                    break;
                case var index:
                    var section = _info.Sections[index];
                    value += section == _info.PerCpu ? _module.Read("percpu") : section.Address;
                    break;
            }

            _values[i] = value;
            Memory.WriteUInt64(_info.SymbolSection.Address + (ulong)(i * SymbolSize) + 8, value);
        }

        return unknown is null ? refusal : Refuse(
            Errno.ENOENT,
            $"needs {Some(unknown)}, which neither the kernel nor a loaded module exports; load what does first (modprobe does that)");
    }

    private static string Some(List<string> names)
    {
        const int shown = 4;
        var list = string.Join(", ", names.Take(shown));
        return names.Count <= shown ? list : $"{list} and {names.Count - shown} more symbols";
    }

    /// <summary>Resolves one undefined symbol.</summary>
    /// <returns>Its address; or an error, with what to tell people about it unless nothing is known of the symbol.</returns>
    private async GuestTask<(ulong Value, int Code, string? Reason)> ResolveUndefined(ElfSymbol undefined)
    {
        if (!TryFind(undefined, out var symbol))
        {
            var name = _info.Symbols.NameUtf8(undefined);
            // Assemblers before 2.37 leave an unused _GLOBAL_OFFSET_TABLE_ behind.
            if (undefined.Binding == SymbolBinding.Weak || name.SequenceEqual("_GLOBAL_OFFSET_TABLE_"u8))
                return (undefined.Value, 0, null);
            var reason = _symbols.TryFind(name, gplOk: true, out _)
                ? $"{Name} has a proprietary licence, and {_info.Symbols.Name(undefined)} is exported to GPL-compatible modules only"
                : null;
            return (0, -(int)Errno.ENOENT, reason);
        }

        var (code, why) = await Use(undefined, symbol);
        if (code == -(int)Errno.EBUSY)
            (code, why, symbol) = await UseWhenReady(undefined, symbol);
        if (code != 0)
            return (0, code, why);
        _observer?.Invoke(new SymbolResolved(Name, _info.Symbols.Name(undefined), symbol.Value, OwnerName(symbol), symbol.GplOnly));
        return (symbol.Value, 0, null);
    }

    private bool TryFind(ElfSymbol undefined, out KernelSymbol symbol) =>
        _symbols.TryFind(_info.Symbols.NameUtf8(undefined), gplOk: !_module.Has(Modules.Taint.ProprietaryModule), out symbol);

    /// <summary>resolve_symbol_wait(): the module that exports the symbol is still initialising.</summary>
    private async GuestTask<(int Code, string? Reason, KernelSymbol Symbol)> UseWhenReady(ElfSymbol undefined, KernelSymbol symbol)
    {
        var owner = OwnerName(symbol);
        var (code, reason) = (-(int)Errno.EBUSY, (string?)null);
        await _kernel.Wait(TryAgain, PatienceInSeconds * _kernel.TicksPerSecond);
        if (code == -(int)Errno.EBUSY)
            _kernel.Warn($"{Name}: gave up waiting for init of module {owner}.");
        return (code, reason, symbol);

        async GuestTask<bool> TryAgain()
        {
            if (!TryFind(undefined, out symbol))
                (code, reason) = (-(int)Errno.ENOENT, $"{Name} waited for {owner}, which failed to load");
            else
                (code, reason) = await Use(undefined, symbol);
            return code != -(int)Errno.EBUSY;
        }
    }

    /// <summary>resolve_symbol(): licence, version and namespace of a symbol that was found, and the use of its owner.</summary>
    private async GuestTask<(int Code, string? Reason)> Use(ElfSymbol undefined, KernelSymbol symbol)
    {
        var name = _info.Symbols.Name(undefined);
        if (symbol.GplOnly)
            _module.WriteFlag("using_gplonly_symbols", true);
        if (!InheritTaint(name, symbol))
            return (-(int)Errno.ENOENT, $"{Name} uses GPL-only symbols, and so may not use {name} of the proprietary module {OwnerName(symbol)}");
        if (!await CheckVersion(name, symbol))
            return (-(int)Errno.EINVAL, $"{Name} was built with another version of {name}: {BuiltFor()}; build it for this kernel");
        if (_symbols.NamespaceOf(symbol) is { } space && !IsForModule(space, Name) && !_info.Modinfo.All("import_ns"u8).Contains(space))
        {
            _kernel.Error($"{Name}: module uses symbol ({name}) from namespace {space}, but does not import it.");
            return (-(int)Errno.EINVAL, $"{Name} uses {name} of namespace {space} without MODULE_IMPORT_NS({space})");
        }

        return await Reference(symbol.Owner);
    }

    /// <summary>
    /// verify_module_namespace(): EXPORT_SYMBOL_FOR_MODULES (since 6.16) names the modules that may use a symbol, with commas between them; a
    /// name may end in '*'.
    /// </summary>
    private static bool IsForModule(string space, string module)
    {
        const string prefix = "module:";
        if (!space.StartsWith(prefix, StringComparison.Ordinal))
            return false;
        foreach (var pattern in space[prefix.Length..].Replace('-', '_').Split(','))
        {
            var matches = pattern.EndsWith('*') ? module.StartsWith(pattern[..^1], StringComparison.Ordinal) : module == pattern;
            if (matches)
                return true;
        }

        return false;
    }

    /// <summary>inherit_taint(): a module that uses a proprietary one is proprietary, and so may not use GPL-only symbols.</summary>
    private bool InheritTaint(string name, KernelSymbol symbol)
    {
        if (symbol.Owner == 0 || !new KernelModule(_kernel, symbol.Owner).Has(Modules.Taint.ProprietaryModule))
            return true;
        var owner = OwnerName(symbol);
        if (_module.ReadFlag("using_gplonly_symbols"))
        {
            _kernel.Error($"{Name}: module using GPL-only symbols uses symbols {name} from proprietary module {owner}.");
            return false;
        }

        if (!_module.Has(Modules.Taint.ProprietaryModule))
        {
            _kernel.Warn($"{Name}: module uses symbols {name} from proprietary module {owner}, inheriting taint.");
            _module.Add(Modules.Taint.ProprietaryModule);
        }

        return true;
    }

    /// <summary>ref_module(): this module uses another, which cannot be unloaded while it does.</summary>
    private async GuestTask<(int Code, string? Reason)> Reference(ulong owner)
    {
        if (owner == 0 || _module.Uses.Any(used => used.Address == owner))
            return (0, null);
        var other = new KernelModule(_kernel, owner);
        if (other.State == ModuleState.Coming)
            return (-(int)Errno.EBUSY, $"{Name} needs {other.Name}, which is still being initialised");
        if ((await _kernel.Call("try_module_get", owner) & 0xff) == 0)
            return (-(int)Errno.ENOENT, $"{Name} needs {other.Name}, which is being unloaded");
        var layout = _kernel.Image.Struct("module_use");
        var use = await _kernel.Allocate(layout.Size);
        if (use == 0)
        {
            await _kernel.Call("module_put", owner);
            return (-(int)Errno.ENOMEM, $"there is no memory left to load {Name}");
        }

        await _kernel.Lock();
        Memory.WriteUInt64(use + layout["source"], _module.Address);
        Memory.WriteUInt64(use + layout["target"], owner);
        _kernel.ListAdd(use + layout["source_list"], other.Member("source_list"));
        _kernel.ListAdd(use + layout["target_list"], _module.Member("target_list"));
        await _kernel.Unlock();
        return (0, null);
    }

    private GuestTask UnlinkUses() => ModuleUnload.UnlinkUses(_kernel, _module);

    private string? OwnerName(KernelSymbol symbol) => symbol.Owner == 0 ? null : new KernelModule(_kernel, symbol.Owner).Name;
}
