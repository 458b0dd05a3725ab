using Lkm.Kernel.Boot;

namespace Lkm.Kernel.Modules;

/// <summary>The structs that the loader reads and writes, and those that tell which locks a module has (<see cref="Locking.LockChecks"/>).</summary>
internal static class ModuleLayouts
{
    private static readonly (string Struct, string[] Members)[] Used =
    [
        ("module",
        [
            "state", "list", "name", "mkobj", "version", "srcversion", "param_lock", "kp", "num_kp", "syms", "num_syms", "crcs", "flagstab", "gpl_syms",
            "num_gpl_syms", "gpl_crcs", "using_gplonly_symbols", "sig_ok", "async_probe_requested", "init", "exit", "core_layout",
            "init_layout", "mem", "taints", "kallsyms", "core_kallsyms", "args", "percpu", "percpu_size", "refcnt", "source_list",
            "target_list", "ctors", "num_ctors", "btf_data", "btf_data_size", "btf_base_data", "btf_base_data_size", "build_id", "dyndbg_info", "klp",
        ]),
        ("load_info",
        [
            "name", "mod", "hdr", "len", "sechdrs", "secstrings", "strtab", "dyndbg", "sig_ok",
            "index.sym", "index.str", "index.mod", "index.vers", "index.info", "index.pcpu",
        ]),
        ("module_layout", ["base", "size", "text_size", "ro_size", "ro_after_init_size", "mtn"]),
        ("module_memory", ["base", "size", "rw_copy"]),
        ("module_use", ["source_list", "target_list", "source", "target"]),
        ("module_kobject", ["kobj"]),
        ("mod_tree_root", ["root", "addr_min", "addr_max"]),
        ("mod_tree_node", ["mod", "node"]),
        ("latch_tree_root", ["tree"]),
        ("rb_root", []),
        ("rb_node", []),
        ("mod_kallsyms", ["symtab", "num_symtab", "strtab", "typetab"]),
        ("kernel_symbol", ["value_offset", "name_offset", "namespace_offset"]),
        ("kernel_param", ["name", "mod", "ops", "flags"]),
        ("kernel_param_ops", ["flags", "set"]),
        ("_ddebug_info", ["descs", "num_descs", "classes", "num_classes"]),
        ("tracepoint", ["key"]),
        ("_ddebug", []),
        ("ddebug_class_map", []),
        ("wait_queue_entry", []),
        ("mutex", ["owner"]),
        ("rw_semaphore", ["count", "owner"]),
        ("worker", ["current_work", "current_func", "current_pwq"]),
        ("pool_workqueue", ["wq"]),
        ("kthread", ["data"]),
    ];

    /// <summary>
    /// Looks all of them up. Done while a kernel boots, so that its snapshot holds the answers and the first load of a warm start need
    /// not read the image's type information.
    /// </summary>
    public static void Learn(KernelImage image)
    {
        foreach (var (name, members) in Used)
            Learn(image, name, members);
        foreach (var (pointer, count, _, _, type) in ModuleLoad.Tables)
        {
            Learn(image, "module", count is null ? [pointer] : [pointer, count]);
            if (type is not null)
                Learn(image, type, []);
        }
    }

    private static void Learn(KernelImage image, string name, string[] members)
    {
        if (image.FindStruct(name) is not { } layout)
            return;
        foreach (var member in members)
            layout.Find(member);
    }
}
