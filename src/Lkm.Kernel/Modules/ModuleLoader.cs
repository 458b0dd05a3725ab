using Lkm.Formats;
using Lkm.Formats.Compression;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Processes;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>
/// Loads modules into the kernel and takes them out again, as Linux does. The host calls <see cref="Load(ReadOnlyMemory{byte}, string, ModuleLoadFlags)"/> and <see cref="Unload(string, ModuleUnloadFlags)"/>
/// in the context of a kernel thread or process; the system calls init_module(), finit_module() and delete_module() of the image end
/// in the same code.
/// </summary>
public sealed partial class ModuleLoader
{
    private const ulong LoadingModule = 2;

    private readonly Dictionary<UserProcess, Request> _requests = [];

    /// <summary>Creates the loader of a kernel. Everything that it remembers lies in guest memory.</summary>
    internal ModuleLoader(KernelImage image, GuestMemory memory, CallChain chain, GuestCalls calls, KernelLog log)
    {
        Context = new ModuleContext(image, memory, chain, calls, log);
        Modules = new ModuleTable(Context);
        Symbols = new KernelSymbols(Context, Modules);
    }

    /// <summary>The modules of the kernel.</summary>
    public ModuleTable Modules { get; }

    /// <summary>The symbols that kernel and modules export.</summary>
    public KernelSymbols Symbols { get; }

    /// <summary>Finds the process whose user side is C# and that is running, if one is.</summary>
    internal Func<UserProcess?>? FindProcess { get; init; }

    /// <summary>Told of each step of loading and unloading, when set.</summary>
    public Action<ModuleLoadEvent>? Observer { get; set; }

    internal ModuleContext Context { get; }

    /// <summary>Raised when a module's memory is free again, with its name.</summary>
    internal event Action<string>? Unloaded;

    /// <summary>Loads a module, and runs its init function.</summary>
    /// <param name="image">The file. Compressed only with <see cref="ModuleLoadFlags.CompressedFile"/>.</param>
    /// <param name="parameters">Its parameters, as insmod's further arguments: "a=1 b=2,3".</param>
    /// <param name="flags">What to do otherwise than usual.</param>
    public async GuestTask<ModuleLoadResult> Load(ReadOnlyMemory<byte> image, string parameters, ModuleLoadFlags flags)
    {
        const ModuleLoadFlags known = ModuleLoadFlags.IgnoreModversions | ModuleLoadFlags.IgnoreVermagic | ModuleLoadFlags.CompressedFile;
        var firstRecord = Context.Log.Next;
        if ((flags & ~known) != 0)
            return Failed("", new Refusal(Errno.EINVAL, $"flags 0x{(int)flags:x} of finit_module() are not known"), firstRecord);
        if (IsDisabled())
            return Failed("", new Refusal(Errno.EPERM, "this kernel takes no more modules (kernel.modules_disabled)"), firstRecord);
        if ((flags & ModuleLoadFlags.CompressedFile) != 0)
        {
            if (!Decompressor.DecompressIfNeeded(image).TryGet(out image, out var error))
                return Failed("", new Refusal(error.Errno, error.Reason), firstRecord);
            flags &= ~ModuleLoadFlags.CompressedFile;
        }

        if (FindProcess?.Invoke() is { IsInSystemCall: false } process)
            return await Load(process, image, parameters, flags, firstRecord);
        var (info, refusal) = await CopyIn(image);
        if (refusal is not null)
            return Failed("", refusal, firstRecord);
        var load = new ModuleLoad(this, info, flags);
        refusal = await load.Run(() => Context.Duplicate(ModuleContext.Bytes(parameters)));
        await Context.Free(info);
        return refusal is null
            ? new ModuleLoadResult(load.Name, 0, $"{load.Name} is loaded", load.Module, LogSince(firstRecord))
            : Failed(load.Name, refusal, firstRecord);
    }

    /// <summary>Unloads a module, after its exit function.</summary>
    /// <param name="name">Its name; a dash is as good as an underscore.</param>
    /// <param name="flags">What to do otherwise than usual.</param>
    public async GuestTask<ModuleLoadResult> Unload(string name, ModuleUnloadFlags flags)
    {
        var firstRecord = Context.Log.Next;
        name = name.Replace('-', '_');
        if (IsDisabled())
            return Failed(name, new Refusal(Errno.EPERM, "this kernel lets no module go (kernel.modules_disabled)"), firstRecord);
        var refusal = FindProcess?.Invoke() is { IsInSystemCall: false } process ? await Unload(process, name, flags) : await TakeOut(name, flags);
        return refusal is null
            ? new ModuleLoadResult(name, 0, $"{name} is unloaded", 0, LogSince(firstRecord))
            : Failed(name, refusal, firstRecord);
    }

    /// <summary>What insmod does: finit_module() of a file that it has opened.</summary>
    private async GuestTask<ModuleLoadResult> Load(
        UserProcess process, ReadOnlyMemory<byte> image, string parameters, ModuleLoadFlags flags, long firstRecord)
    {
        const ulong temporaryFile = 0x410002, ownerOnly = 0x180; // O_TMPFILE | O_RDWR
        if (image.IsEmpty)
            return Failed("", new Refusal(Errno.EINVAL, "the file is empty"), firstRecord);
        var descriptor = await process.SystemCall("open", await process.Put("/tmp"), temporaryFile, ownerOnly);
        if (descriptor < 0)
            return Failed("", new Refusal((int)descriptor, $"the module's file cannot be opened in /tmp ({Refusal.Name((int)descriptor)})"), firstRecord);
        var request = _requests[process] = new Request { Contents = image };
        var arguments = await process.Put(ModuleContext.Bytes(parameters + "\0"));
        var code = (int)await process.SystemCall("finit_module", (ulong)descriptor, arguments, (ulong)flags);
        _requests.Remove(process);
        await process.SystemCall("close", (ulong)descriptor);
        var name = request.Load?.Name ?? "";
        return code == 0
            ? new ModuleLoadResult(name, 0, $"{name} is loaded", request.Load!.Module, LogSince(firstRecord))
            : Failed(name, request.Refusal ?? new Refusal(code, $"the kernel refuses to load modules ({Refusal.Name(code)})"), firstRecord);
    }

    /// <summary>What rmmod does: delete_module().</summary>
    private async GuestTask<Refusal?> Unload(UserProcess process, string name, ModuleUnloadFlags flags)
    {
        var request = _requests[process] = new Request();
        var code = (int)await process.SystemCall("delete_module", await process.Put(name), (ulong)flags);
        _requests.Remove(process);
        return code == 0 ? null : request.Refusal ?? new Refusal(code, $"the kernel refuses to unload {name} ({Refusal.Name(code)})");
    }

    /// <summary>Looks up all layouts that the loader uses; to be done before a snapshot is taken, which then holds them.</summary>
    public void LearnLayouts() => ModuleLayouts.Learn(Context.Image);

    private async GuestTask<Refusal?> TakeOut(string name, ModuleUnloadFlags flags)
    {
        var refusal = await new ModuleUnload(Context, Modules, Observer).Run(name, flags);
        if (refusal is null)
            Unloaded?.Invoke(name);
        return refusal;
    }

    private bool IsDisabled() =>
        Context.Image.TrySymbol("modules_disabled", out var variable) && Context.Memory.ReadInt32(variable) != 0;

    /// <summary>copy_module_from_user(): the file in guest memory, and a load_info for it.</summary>
    private async GuestTask<(ulong Info, Refusal? Refusal)> CopyIn(ReadOnlyMemory<byte> image)
    {
        var length = (ulong)image.Length;
        if (length == 0)
            return (0, new Refusal(Errno.EINVAL, "the file is empty"));
        if (Context.Has("security_kernel_load_data") && await Context.CallInt("security_kernel_load_data", LoadingModule, 1) is var code and not 0)
            return (0, new Refusal(code, $"the kernel's security policy refuses to load modules ({Refusal.Name(code)})"));
        var layout = Context.Image.Struct("load_info");
        var info = await Context.Allocate(layout.Size);
        var file = info == 0 ? 0 : await Context.AllocateVirtual(length);
        if (file == 0)
        {
            await Context.Free(info);
            return (0, new Refusal(Errno.ENOMEM, $"there is no memory for a file of {length} bytes"));
        }

        image.Span.CopyTo(Context.Memory.Span(file, image.Length));
        Context.Memory.WriteUInt64(info + layout["hdr"], file);
        Context.Memory.WriteUInt64(info + layout["len"], length);
        return (info, null);
    }

    private ModuleLoadResult Failed(string name, Refusal refusal, long firstRecord) =>
        new(name, refusal.Code, refusal.Reason, 0, LogSince(firstRecord));

    private string[] LogSince(long firstRecord)
    {
        var lines = new List<string>();
        foreach (var record in Context.Log.Since(firstRecord))
            lines.Add(record.Text);
        return [.. lines];
    }
}
