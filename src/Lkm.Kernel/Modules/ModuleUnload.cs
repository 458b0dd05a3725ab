using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

/// <summary>delete_module() (kernel/module/main.c), and the parts of it that a failed load uses as well.</summary>
internal sealed class ModuleUnload(ModuleContext kernel, ModuleTable modules, Action<ModuleLoadEvent>? observer)
{
    /// <summary>MODULE_FLAGS_BUF_SIZE in bytes: a letter for each taint, two brackets, a sign and the NUL.</summary>
    private const int FlagsSize = 19 + 4;

    /// <summary>Unloads a module.</summary>
    /// <param name="name">Its name as the kernel has it.</param>
    /// <param name="flags">The flags of delete_module().</param>
    /// <returns>Why it stays; null when it is gone.</returns>
    public async GuestTask<Refusal?> Run(string name, ModuleUnloadFlags flags)
    {
        await LetUsersFinish(name);
        if (await kernel.CallInt("mutex_lock_interruptible", kernel.Image.Symbol("module_mutex")) != 0)
            return new Refusal(Errno.EINTR, $"unloading {name} was interrupted");
        var module = modules.Find(name);
        if (await Check(module, name, flags) is { } refusal)
        {
            await kernel.Unlock();
            return refusal;
        }

        Enter(module!, ModuleState.Going);
        await kernel.Unlock();
        if (module!.Read("exit") is var exit and not 0)
            await kernel.Chain.Call(kernel.ExitSites, exit);
        await AnnounceGoing(kernel, module);
        await kernel.CallIfPresent("ftrace_release_mod", module.Address);
        await kernel.Call("async_synchronize_full");
        RememberLast(module);
        await Free(kernel, modules, module);
        observer?.Invoke(new StateEntered(name, null));
        await kernel.WakeUpAll();
        return null;
    }

    /// <summary>The GOING notifiers, and the end of live patching.</summary>
    internal static async GuestTask AnnounceGoing(ModuleContext kernel, KernelModule module)
    {
        await kernel.Call("blocking_notifier_call_chain", kernel.Image.Symbol("module_notify_list"), (ulong)ModuleState.Going, module.Address);
        await kernel.CallIfPresent("klp_module_going", module.Address);
    }

    /// <summary>free_module().</summary>
    internal static async GuestTask Free(ModuleContext kernel, ModuleTable modules, KernelModule module)
    {
        await kernel.Trace("module_free", module.Address);
        await kernel.Call("mod_sysfs_teardown", module.Address);
        if (kernel.Layout.Find("klp") is { } livePatch && kernel.Memory.ReadByte(module.Address + livePatch) != 0)
            await kernel.Call("free_module_elf", module.Address);
        // It stays in the list to keep its name, but nobody may use it any more.
        await kernel.Lock();
        module.State = ModuleState.Unformed;
        await kernel.Unlock();
        if (kernel.Layout.Find("dyndbg_info") is null)
            await kernel.CallIfPresent("ddebug_remove_module", module.Member("name"));
        await kernel.CallIfPresent("module_arch_cleanup", module.Address);
        await UnlinkUses(kernel, module);
        await kernel.DestroyParameters(module);
        await kernel.Lock();
        await modules.Remove(module);
        await kernel.CallIfPresent("module_bug_cleanup", module.Address);
        await kernel.Call("synchronize_rcu");
        await kernel.CallIfPresent("try_add_tainted_module", module.Address);
        await kernel.Unlock();
        await kernel.CallIfPresent("module_arch_freeing_init", module.Address);
        await kernel.Free(module.Read("args"));
        if (module.Read("percpu") is var percpu and not 0)
            await kernel.Call("free_percpu", percpu);
        await kernel.MemoryLayout.FreeAll(module);
    }

    /// <summary>module_unload_free(): the modules that this one uses have a user less.</summary>
    internal static async GuestTask UnlinkUses(ModuleContext kernel, KernelModule module)
    {
        var layout = kernel.Image.Struct("module_use");
        await kernel.Lock();
        foreach (var entry in kernel.List(module.Member("target_list")))
        {
            var use = entry - layout["target_list"];
            await kernel.Call("module_put", kernel.Memory.ReadUInt64(use + layout["target"]));
            kernel.ListRemove(use + layout["source_list"]);
            kernel.ListRemove(entry);
            await kernel.Free(use);
        }

        await kernel.Unlock();
    }

    /// <summary>
    /// Before a program can ask for this, another has ended and it has started: time in which threads that hold the module and are ready, such
    /// as the test of an algorithm that was just registered, have long run. So they run now.
    /// </summary>
    private async GuestTask LetUsersFinish(string name)
    {
        const int rounds = 64, free = 1;
        for (var round = 0; round < rounds; round++)
        {
            if (modules.Find(name) is not { State: ModuleState.Live } module || module.HasUsers || kernel.Memory.ReadInt32(module.Member("refcnt")) <= free)
                return;
            await kernel.Call("schedule");
        }
    }

    /// <summary>Whether the module may go; drops the reference that loading took if so.</summary>
    private async GuestTask<Refusal?> Check(KernelModule? module, string name, ModuleUnloadFlags flags)
    {
        if (module is null)
            return new Refusal(Errno.ENOENT, modules.IsHidden(name) ? $"{name} has taken itself out of the kernel's list of modules" : $"{name} is not loaded");
        if (module.HasUsers)
            return new Refusal(Errno.EAGAIN, $"{name} is used by {string.Join(", ", module.Users.Select(user => user.Name))}; unload that first");
        if (module.State != ModuleState.Live)
            return new Refusal(Errno.EBUSY, $"{name} is {(module.State == ModuleState.Coming ? "still being initialised" : "already being unloaded")}");
        if (module.Read("init") != 0 && module.Read("exit") == 0 && !await TryForce(flags))
            return new Refusal(Errno.EBUSY, $"{name} cannot be unloaded: it has no exit function");

        // try_release_module_ref(): nothing runs between the two, so "decrement, and back if it was not the last" is a comparison.
        const int referenceBase = 1;
        var count = kernel.Memory.ReadInt32(module.Member("refcnt"));
        if (count == referenceBase)
            kernel.Memory.WriteInt32(module.Member("refcnt"), 0);
        else if (!await TryForce(flags))
            return new Refusal(Errno.EAGAIN, $"{name} is in use by {count - referenceBase} user{(count - referenceBase == 1 ? "" : "s")}: an open file, a running thread or the like");
        return null;
    }

    /// <summary>try_force_unload(), as with CONFIG_MODULE_FORCE_UNLOAD: nothing in an image tells whether it is set.</summary>
    private async GuestTask<bool> TryForce(ModuleUnloadFlags flags)
    {
        if ((flags & ModuleUnloadFlags.Force) == 0)
            return false;
        await kernel.AddTaint(Taint.ForcedRmmod);
        return true;
    }

    /// <summary>last_unloaded_module, which every oops names: a name, and since 6.1 the taints.</summary>
    private void RememberLast(KernelModule module)
    {
        if (!kernel.Image.TrySymbol("last_unloaded_module", out var last))
            return;
        Write(last, KernelModule.NameLength + 1, module.Name);
        if (kernel.IsAtLeast(6, 1))
            Write(last + KernelModule.NameLength + 1, FlagsSize, module.Taints == 0 ? "" : $"({module.TaintLetters})");

        void Write(ulong address, int size, string text)
        {
            var bytes = ModuleContext.Bytes(text);
            var room = kernel.Memory.Span(address, size);
            room.Clear();
            bytes.AsSpan(0, Math.Min(bytes.Length, size - 1)).CopyTo(room);
        }
    }

    private void Enter(KernelModule module, ModuleState state)
    {
        module.State = state;
        observer?.Invoke(new StateEntered(module.Name, state));
    }
}
