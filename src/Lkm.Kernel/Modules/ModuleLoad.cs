using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>
/// One load_module() (kernel/module/main.c): the steps in Linux's order, with its messages and error numbers. Each step
/// that leaves something behind says how to take it back; a refusal takes all of it back, the latest first.
/// </summary>
internal sealed partial class ModuleLoad
{
    private readonly ModuleContext _kernel;
    private readonly ModuleTable _modules;
    private readonly KernelSymbols _symbols;
    private readonly Action<ModuleLoadEvent>? _observer;
    private readonly ModuleLoadFlags _flags;
    private readonly LoadInfo _info;
    private readonly Stack<Func<GuestTask>> _undo = new();
    private KernelModule _module = null!;

    /// <summary>Prepares to load.</summary>
    /// <param name="loader">The loader.</param>
    /// <param name="info">The address of a struct load_info whose hdr and len are set.</param>
    /// <param name="flags">The flags of finit_module().</param>
    public ModuleLoad(ModuleLoader loader, ulong info, ModuleLoadFlags flags)
    {
        _kernel = loader.Context;
        _modules = loader.Modules;
        _symbols = loader.Symbols;
        _observer = loader.Observer;
        _flags = flags;
        _info = new LoadInfo(_kernel, info);
        _layoutPlan = _kernel.MemoryLayout.NewPlan();
    }

    /// <summary>The module's name, as far as it is known.</summary>
    public string Name => _info.Name;

    /// <summary>The struct module; meaningful after success.</summary>
    public ulong Module => _module.Address;

    private GuestMemory Memory => _kernel.Memory;

    /// <summary>Loads and initialises. The file's copy in guest memory is freed whatever happens.</summary>
    /// <param name="copyArguments">Brings the parameters into kernel memory: their address, or a negative errno as a pointer.</param>
    /// <returns>Why the module was refused; null when it is live.</returns>
    public async GuestTask<Refusal?> Run(Func<GuestTask<ulong>> copyArguments)
    {
        _undo.Push(FreeCopy);
        var refusal = await CheckSignature()
            ?? OpenFile()
            ?? CheckBlacklist()
            ?? await CheckModuleStructVersion()
            ?? await CheckModinfo()
            ?? await Place()
            ?? await Enlist()
            ?? await FillStruct()
            ?? await Resolve()
            ?? await Relocate()
            ?? await Finish()
            ?? await CopyArguments(copyArguments)
            ?? await Form()
            ?? await AnnounceComing()
            ?? await ParseArguments()
            ?? await LinkIntoSysfs()
            ?? await KeepFileOfLivePatch();
        if (refusal is not null)
        {
            while (_undo.TryPop(out var undo))
                await undo();
            return refusal;
        }

        _undo.Clear();
        await FreeCopy();
        await _kernel.Trace("module_load", _module.Address);
        return await Initialise();
    }

    private void Passed(string check, string detail) => _observer?.Invoke(new CheckPassed(Name, check, detail));

    private void Enter(ModuleState state)
    {
        if (_module.State == state)
            return;
        _module.State = state;
        _observer?.Invoke(new StateEntered(Name, state));
    }

    /// <summary>Adds a taint to kernel and module (add_taint_module()).</summary>
    private async GuestTask Taint(Taint taint)
    {
        await _kernel.AddTaint(taint);
        _module.Add(taint);
    }

    private Refusal Refuse(Errno errno, string reason) => new(errno, $"{(Name.Length == 0 ? "the file" : Name)} {reason}");

    private async GuestTask FreeCopy()
    {
        if ((_flags & ModuleLoadFlags.CompressedFile) != 0 && _kernel.Has("module_decompress_cleanup"))
            await _kernel.Call("module_decompress_cleanup", _info.Address);
        else
            await _kernel.Call("vfree", _info.Header);
    }
}
