using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

/// <summary>The kernel's list of modules: Linux's own <c>modules</c>, read where borrowed code reads it.</summary>
public sealed class ModuleTable
{
    private readonly ModuleContext _kernel;
    private readonly ulong _modules;
    private readonly ulong _list;
    private readonly HashSet<string> _inMemory = [];

    internal ModuleTable(ModuleContext kernel)
    {
        _kernel = kernel;
        _modules = kernel.Image.Symbol("modules");
        _list = kernel.Layout["list"];
        Tree = new ModuleTree(kernel);
    }

    /// <summary>All modules but those still unformed, the youngest first, as /proc/modules lists them.</summary>
    public IEnumerable<KernelModule> Loaded
    {
        get
        {
            foreach (var module in All)
            {
                if (module.State != ModuleState.Unformed)
                    yield return module;
            }
        }
    }

    private IEnumerable<KernelModule> All
    {
        get
        {
            foreach (var entry in _kernel.List(_modules))
                yield return new KernelModule(_kernel, entry - _list);
        }
    }

    /// <summary>find_module(): a module by its name (with underscores), or null.</summary>
    public KernelModule? Find(string name) => FindAny(name) is { State: not ModuleState.Unformed } module ? module : null;

    /// <summary>Whether a module is in memory but not in the list: it has taken itself out, so that Linux finds it by no name any more.</summary>
    public bool IsHidden(string name) => _inMemory.Contains(name) && FindAny(name) is null;

    /// <summary>__module_address(): the module whose memory holds an address, or null.</summary>
    public KernelModule? FindByAddress(ulong address) =>
        Loaded.FirstOrDefault(module => ModuleMemory.Of(_kernel).Contains(module, address));

    /// <summary>The module of a struct module.</summary>
    public KernelModule At(ulong address) => new(_kernel, address);

    /// <summary>The tree that finds a module by address.</summary>
    internal ModuleTree Tree { get; }

    /// <summary>find_module_all() with unformed modules.</summary>
    internal KernelModule? FindAny(string name)
    {
        foreach (var module in All)
        {
            if (module.Name == name)
                return module;
        }

        return null;
    }

    /// <summary>Puts a module into the list and into the tree that __module_address() searches.</summary>
    internal async GuestTask Add(KernelModule module)
    {
        ModuleMemory.Of(_kernel).UpdateBounds(module);
        _inMemory.Add(module.Name);
        _kernel.ListAdd(module.Member("list"), _modules);
        await Tree.Insert(module);
    }

    /// <summary>Takes a module out of both; to be called with module_mutex held.</summary>
    internal async GuestTask Remove(KernelModule module)
    {
        _inMemory.Remove(module.Name);
        _kernel.ListRemove(module.Member("list"));
        await Tree.Remove(module);
    }
}
