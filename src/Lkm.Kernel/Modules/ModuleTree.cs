using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

/// <summary>
/// The tree in which __module_address() finds a module (kernel/module/tree_lookup.c). Its functions are borrowed; in kernels where the compiler
/// has built them into their callers (5.10), what they do is done here, with the image's red-black tree.
/// </summary>
internal sealed class ModuleTree(ModuleContext kernel)
{
    private const ulong Halves = 2; // a latch tree is two trees, one of which is whole at any time
    private const string Insertion = "mod_tree_insert";

    /// <summary>mod_tree_insert(): the core part and, if there is one, the init part.</summary>
    public async GuestTask Insert(KernelModule module)
    {
        if (kernel.Has(Insertion))
        {
            await kernel.Call(Insertion, module.Address);
            return;
        }

        foreach (var part in (string[])["core_layout", "init_layout"])
        {
            var node = NodeOf(module, part);
            kernel.Memory.WriteUInt64(node + kernel.Image.Struct("mod_tree_node")["mod"], module.Address);
            if (HasMemory(module, part))
                await kernel.Call("__mod_tree_insert", node);
        }
    }

    /// <summary>mod_tree_remove().</summary>
    public async GuestTask Remove(KernelModule module)
    {
        if (kernel.Has(Insertion))
        {
            await kernel.Call("mod_tree_remove", module.Address);
            return;
        }

        await Erase(NodeOf(module, "core_layout"));
        await RemoveInit(module);
    }

    /// <summary>mod_tree_remove_init().</summary>
    public async GuestTask RemoveInit(KernelModule module)
    {
        if (kernel.Has(Insertion))
            await kernel.Call("mod_tree_remove_init", module.Address);
        else if (HasMemory(module, "init_layout"))
            await Erase(NodeOf(module, "init_layout"));
    }

    private ulong NodeOf(KernelModule module, string part) => module.Member(part) + kernel.Image.Struct("module_layout")["mtn"];

    private bool HasMemory(KernelModule module, string part) =>
        kernel.Memory.ReadUInt32(module.Member(part) + kernel.Image.Struct("module_layout")["size"]) != 0;

    /// <summary>latch_tree_erase() (include/linux/rbtree_latch.h).</summary>
    private async GuestTask Erase(ulong node)
    {
        var root = kernel.Image.Symbol("mod_tree") + kernel.Image.Struct("mod_tree_root")["root"];
        var trees = root + kernel.Image.Struct("latch_tree_root")["tree"];
        var nodes = node + kernel.Image.Struct("mod_tree_node")["node"];
        var (nodeSize, treeSize) = (kernel.Image.Struct("rb_node").Size, kernel.Image.Struct("rb_root").Size);
        for (ulong half = 0; half < Halves; half++)
        {
            kernel.Memory.WriteUInt32(root, kernel.Memory.ReadUInt32(root) + 1); // raw_write_seqcount_latch(): the other half is read now
            await kernel.Call("rb_erase", nodes + (half * nodeSize), trees + (half * treeSize));
        }
    }
}
