using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// Where the image's own system calls reach the loader.
public sealed partial class ModuleLoader
{
    private const ulong CapSysModule = 16;

    /// <summary>load_module(): what init_module() and finit_module() do after bringing the file into the kernel. Frees the file's copy.</summary>
    [KernelFunction("load_module")]
    private async GuestTask<int> LoadModule(ulong info, ulong userArguments, int flags)
    {
        const ulong unlimited = ulong.MaxValue >> 1;
        var load = new ModuleLoad(this, info, (ModuleLoadFlags)flags);
        var refusal = await load.Run(async () => await Context.Call("strndup_user", userArguments, unlimited));
        return refusal?.Code ?? 0;
    }

    /// <summary>delete_module().</summary>
    [KernelFunction("__do_sys_delete_module")]
    private async GuestTask<long> DeleteModule(ulong userName, uint flags)
    {
        if ((await Context.Call("capable", CapSysModule) & 0xff) == 0 || IsDisabled())
            return -(long)Errno.EPERM;
        var buffer = await Context.Allocate(KernelModule.NameLength);
        if (buffer == 0)
            return -(long)Errno.ENOMEM;
        var length = (long)await Context.Call("strncpy_from_user", buffer, userName, KernelModule.NameLength);
        var name = length is > 0 and < KernelModule.NameLength ? Context.Text(buffer, KernelModule.NameLength) : "";
        await Context.Free(buffer);
        if (length < 0)
            return length;
        if (name.Length == 0)
            return -(long)Errno.ENOENT;
        var refusal = await TakeOut(name, (ModuleUnloadFlags)flags);
        return refusal?.Code ?? 0;
    }
}
