using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// do_init_module() of kernel/module/main.c.
internal sealed partial class ModuleLoad
{
    private const ulong KobjectAdd = 0;

    /// <summary>Runs the init function, and makes the module a living one; or unloads it when the function fails.</summary>
    private async GuestTask<Refusal?> Initialise()
    {
        for (uint i = 0; i < _module.ReadUInt32("num_ctors"); i++)
            await _kernel.Calls.Call(Memory.ReadUInt64(_module.Read("ctors") + (i * 8)));
        var code = 0;
        if (_module.Read("init") is var init and not 0)
            code = (int)await _kernel.Chain.Call(_kernel.InitSites, _kernel.Image.Symbol("do_one_initcall"), init);
        _observer?.Invoke(new InitReturned(Name, code));
        if (code == -(int)Errno.EEXIST && _kernel.IsAtLeast(7, 0))
            code = -(int)Errno.EBUSY; // EEXIST says that the module is loaded already
        if (code < 0)
            return await Abandon(code);
        if (code > 0 && _kernel.IsAtLeast(7, 0))
        {
            _kernel.Warn($"{Name}: init suspiciously returned {code}, it should follow 0/-E convention");
        }
        else if (code > 0)
        {
            _kernel.Warn($"do_init_module: '{Name}'->init suspiciously returned {code}, it should follow 0/-E convention\n"
                + "do_init_module: loading module anyway...");
            await _kernel.Chain.Call(_kernel.SuspicionSites, _kernel.Image.Symbol("dump_stack"));
        }

        Enter(ModuleState.Live);
        await _kernel.Call("blocking_notifier_call_chain", _kernel.Image.Symbol("module_notify_list"), (ulong)ModuleState.Live, _module.Address);
        await _kernel.Call("kobject_uevent", _module.Member("mkobj") + _kernel.Image.Struct("module_kobject")["kobj"], KobjectAdd);
        if (!_module.ReadFlag("async_probe_requested"))
            await _kernel.Call("async_synchronize_full");
        await DiscardInit();
        await _kernel.WakeUpAll();
        return null;
    }

    /// <summary>
    /// Gives init memory back. Linux leaves the freeing to a work item, for someone may be reading its symbols on another processor;
    /// they do so with preemption off, and there is one processor, so it is done at once. Calls of freed code are faults from here on.
    /// </summary>
    private async GuestTask DiscardInit()
    {
        foreach (var block in _kernel.MemoryLayout.Blocks(_module))
        {
            if (!block.IsInit)
                continue;
            await _kernel.CallIfPresent("ftrace_free_mem", _module.Address, block.Address, block.Address + block.Size);
        }

        await _kernel.Lock();
        await _kernel.Call("module_put", _module.Address);
        await _kernel.Call("trim_init_extable", _module.Address);
        _module.Write("kallsyms", _module.Member("core_kallsyms"));
        _kernel.MemoryLayout.Protect(_module, afterInit: true);
        await _modules.Tree.RemoveInit(_module);
        await _kernel.CallIfPresent("module_arch_freeing_init", _module.Address);
        // .BTF lay in the file's copy.
        _module.Write("btf_data", 0);
        _module.Write("btf_base_data", 0);
        await _kernel.MemoryLayout.FreeInit(_module);
        await _kernel.Unlock();
    }

    /// <summary>The init function failed: everything is taken back as on unloading, without the exit function.</summary>
    private async GuestTask<Refusal> Abandon(int code)
    {
        var name = Name;
        Enter(ModuleState.Going);
        await _kernel.Call("synchronize_rcu");
        await _kernel.Call("module_put", _module.Address);
        await AnnounceGoing();
        await _kernel.CallIfPresent("ftrace_release_mod", _module.Address);
        await ModuleUnload.Free(_kernel, _modules, _module);
        _observer?.Invoke(new StateEntered(name, null));
        await _kernel.WakeUpAll();
        var what = ErrnoText.TryFromReturnValue(code, out var errno) ? errno.Name() : "which is no errno: insmod takes it for success, though the module is not there";
        return new Refusal(code, $"the init function of {name} returned {code} ({what})");
    }
}
