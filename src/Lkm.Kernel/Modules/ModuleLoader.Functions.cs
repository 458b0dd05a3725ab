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
        if (FindRequest() is { } request)
            (request.Load, request.Refusal) = (load, refusal);
        return refusal?.Code ?? 0;
    }

    /// <summary>
    /// kernel_read_file(), by which finit_module() brings the file into the kernel: one that the host holds is brought from there, by the same steps.
    /// </summary>
    [KernelFunction("kernel_read_file")]
    private async GuestTask<long> ReadFile(ulong file, long offset, ulong buffer, ulong size, ulong fileSize, uint id, CallFrame frame)
    {
        _ = (offset, size);
        if (FindRequest() is not { Contents: { } contents } request)
        {
            frame.Decline();
            return 0;
        }

        request.Contents = null;
        if (await Context.CallInt("security_kernel_read_file", file, id, 1) is var code and not 0)
            return code;
        var address = await Context.AllocateVirtual((ulong)contents.Length);
        if (address == 0)
            return -(long)Errno.ENOMEM;
        contents.Span.CopyTo(Context.Memory.Span(address, contents.Length));
        Context.Memory.WriteUInt64(buffer, address);
        if (fileSize != 0)
            Context.Memory.WriteUInt64(fileSize, (ulong)contents.Length);
        return contents.Length;
    }

    private Request? FindRequest() => FindProcess?.Invoke() is { } process ? _requests.GetValueOrDefault(process) : null;

    /// <summary>What a process that loads or unloads a module by a system call has to do with the loader beside it.</summary>
    private sealed class Request
    {
        /// <summary>The file; null once the kernel has read it.</summary>
        public ReadOnlyMemory<byte>? Contents { get; set; }

        /// <summary>The loading, once it has begun.</summary>
        public ModuleLoad? Load { get; set; }

        /// <summary>Why the loader refused.</summary>
        public Refusal? Refusal { get; set; }
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
        if (FindRequest() is { } request)
            request.Refusal = refusal;
        return refusal?.Code ?? 0;
    }
}
