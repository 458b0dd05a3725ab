using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Symbols;

namespace Lkm.Kernel.Modules;

// From a relocated module to one that the rest of the kernel knows: the second half of load_module().
internal sealed partial class ModuleLoad
{
    private async GuestTask<Refusal?> CopyArguments(Func<GuestTask<ulong>> copyArguments)
    {
        var arguments = await copyArguments();
        if (ModuleContext.IsError(arguments))
            return new Refusal((int)arguments, $"the parameters of {Name} could not be read");
        if (arguments == 0)
            return Refuse(Errno.ENOMEM, "cannot be loaded: there is no memory left");
        _module.Write("args", arguments);
        if (_kernel.Layout.Find("build_id") is { } buildId)
        {
            var id = _info.Elf.BuildId().Span;
            id[..Math.Min(id.Length, 20)].CopyTo(Memory.Span(_module.Address + buildId, 20));
        }

        _undo.Push(CleanUpDebug);
        await AddDynamicDebug();
        await _kernel.CallIfPresent("ftrace_module_init", _module.Address);
        return null;
    }

    /// <summary>dynamic_debug_setup(), up to 6.3; later a notifier of the image does it.</summary>
    private async GuestTask AddDynamicDebug()
    {
        if (_info.DynamicDebug is not (var debug and not 0) || !_kernel.Has("ddebug_add_module"))
            return;
        if (Memory.ReadUInt32(debug + _kernel.Image.Struct("_ddebug_info")["num_descs"]) != 0)
            await _kernel.Call("ddebug_add_module", debug, _module.Member("name"));
    }

    private async GuestTask CleanUpDebug()
    {
        await _kernel.CallIfPresent("ftrace_release_mod", _module.Address);
        if (_info.DynamicDebug != 0)
            await _kernel.CallIfPresent("ddebug_remove_module", _module.Member("name"));
        await _kernel.Call("synchronize_rcu");
        await _kernel.Free(_module.Read("args"));
    }

    /// <summary>complete_formation(): no symbol twice, code and constants read-only; from now on others see the module.</summary>
    private async GuestTask<Refusal?> Form()
    {
        await _kernel.Lock();
        foreach (var symbol in _symbols.ExportsOf(_module))
        {
            var name = _symbols.NameOf(symbol);
            if (!_symbols.TryFind(name, gplOk: true, out var other))
                continue;
            _kernel.Error($"{Name}: exports duplicate symbol {name} (owned by {OwnerName(other) ?? "kernel"})");
            await _kernel.Unlock();
            return Refuse(Errno.ENOEXEC, $"exports {name}, which {OwnerName(other) ?? "the kernel"} exports already");
        }

        var headers = Memory.ReadUInt64(_info.Address + _kernel.Image.Struct("load_info")["sechdrs"]);
        await _kernel.CallIfPresent("module_bug_finalize", _info.Header, headers, _module.Address);
        _kernel.MemoryLayout.Protect(_module, afterInit: false);
        Enter(ModuleState.Coming);
        await _kernel.Unlock();
        _undo.Push(CleanUpBugs);
        return null;
    }

    private async GuestTask CleanUpBugs()
    {
        Enter(ModuleState.Going);
        await _kernel.Lock();
        await _kernel.CallIfPresent("module_bug_cleanup", _module.Address);
        await _kernel.Unlock();
    }

    /// <summary>prepare_coming_module(): jump labels, static calls, tracepoints, SRCU and whoever else asked.</summary>
    private async GuestTask<Refusal?> AnnounceComing()
    {
        const int notifyStopMask = 0x8000, notifyOk = 1;
        await _kernel.CallIfPresent("ftrace_module_enable", _module.Address);
        if (_kernel.Has("klp_module_coming") && await _kernel.CallInt("klp_module_coming", _module.Address) is var patched and not 0)
            return new Refusal(patched, $"a live patch refuses {Name}");
        var answer = await _kernel.CallInt(
            "blocking_notifier_call_chain_robust", _kernel.Image.Symbol("module_notify_list"),
            (ulong)ModuleState.Coming, (ulong)ModuleState.Going, _module.Address) & ~notifyStopMask;
        if (answer > notifyOk)
        {
            await _kernel.CallIfPresent("klp_module_going", _module.Address);
            return new Refusal(notifyOk - answer, $"a part of the kernel that was told of {Name} refuses it ({Refusal.Name(notifyOk - answer)})");
        }

        _undo.Push(CleanUpComing);
        return null;
    }

    private async GuestTask CleanUpComing()
    {
        Enter(ModuleState.Going);
        await _kernel.DestroyParameters(_module);
        await AnnounceGoing();
    }

    private async GuestTask AnnounceGoing() => await ModuleUnload.AnnounceGoing(_kernel, _module);

    private bool IsLivePatch => _info.Modinfo["livepatch"u8] is not null;

    /// <summary>copy_module_elf(): a live patch keeps its file's headers.</summary>
    private async GuestTask<Refusal?> KeepFileOfLivePatch()
    {
        if (!IsLivePatch)
            return null;
        var code = await _kernel.CallInt("copy_module_elf", _module.Address, _info.Address);
        return code >= 0 ? null : new Refusal(code, $"the headers of {Name} could not be kept ({Refusal.Name(code)})");
    }

    /// <summary>mod_sysfs_setup(): /sys/module/NAME with parameters, holders, sections and notes.</summary>
    private async GuestTask<Refusal?> LinkIntoSysfs()
    {
        var code = await _kernel.CallInt(
            "mod_sysfs_setup", _module.Address, _info.Address, _module.Read("kp"), _module.ReadUInt32("num_kp"));
        return code >= 0 ? null : new Refusal(code, $"/sys/module/{Name} could not be made ({Refusal.Name(code)})");
    }
}
