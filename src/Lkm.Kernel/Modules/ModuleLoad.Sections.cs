using Lkm.Formats;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// module_unload_init(), find_module_sections() and setup_modinfo() of kernel/module/main.c.
internal sealed partial class ModuleLoad
{
    /// <summary>
    /// The sections that struct module points to: the member that gets the address, the one that gets the number of elements, the
    /// section, and the size of an element, in bytes or as the struct that it is. A member that a kernel lacks is left alone.
    /// </summary>
    internal static readonly (string Pointer, string? Count, string Section, ulong Size, string? Struct)[] Tables =
    [
        ("kp", "num_kp", "__param", 0, "kernel_param"),
        ("syms", "num_syms", "__ksymtab", 0, "kernel_symbol"),
        ("crcs", null, "__kcrctab", 0, null),
        ("flagstab", null, "__kflagstab", 0, null),
        ("gpl_syms", "num_gpl_syms", "__ksymtab_gpl", 0, "kernel_symbol"),
        ("gpl_crcs", null, "__kcrctab_gpl", 0, null),
        ("noinstr_text_start", "noinstr_text_size", ".noinstr.text", 1, null),
        ("tracepoints_ptrs", "num_tracepoints", "__tracepoints_ptrs", 4, null),
        ("srcu_struct_ptrs", "num_srcu_structs", "___srcu_struct_ptrs", 8, null),
        ("bpf_raw_events", "num_bpf_raw_events", "__bpf_raw_tp_map", 0, "bpf_raw_event_map"),
        ("jump_entries", "num_jump_entries", "__jump_table", 0, "jump_entry"),
        ("trace_events", "num_trace_events", "_ftrace_events", 8, null),
        ("trace_evals", "num_trace_evals", "_ftrace_eval_map", 8, null),
        ("trace_bprintk_fmt_start", "num_trace_bprintk_fmt", "__trace_printk_fmt", 8, null),
        ("ftrace_callsites", "num_ftrace_callsites", "__mcount_loc", 8, null),
        ("ei_funcs", "num_ei_funcs", "_error_injection_whitelist", 0, "error_injection_entry"),
        ("kprobes_text_start", "kprobes_text_size", ".kprobes.text", 1, null),
        ("kprobe_blacklist", "num_kprobe_blacklist", "_kprobe_blacklist", 8, null),
        ("printk_index_start", "printk_index_size", ".printk_index", 8, null),
        ("static_call_sites", "num_static_call_sites", ".static_call_sites", 0, "static_call_site"),
        ("kunit_suites", "num_kunit_suites", ".kunit_test_suites", 8, null),
        ("kunit_init_suites", "num_kunit_init_suites", ".kunit_init_test_suites", 8, null),
        ("extable", "num_exentries", "__ex_table", 0, "exception_table_entry"),
    ];

    private async GuestTask<Refusal?> FillStruct()
    {
        InitialiseUse();
        if (_kernel.Has("init_param_lock"))
            await _kernel.Call("init_param_lock", _module.Address);
        else
            await _kernel.Call("__mutex_init", _module.Member("param_lock"), 0, 0);
        _undo.Push(UnlinkUses);
        return FindSections() ?? await CheckSpecialLicenses() ?? await SetUpModinfo();
    }

    /// <summary>module_unload_init(): MODULE_REF_BASE, and one reference for the load itself.</summary>
    private void InitialiseUse()
    {
        _module.WriteUInt32("refcnt", 2);
        InitialiseList(_module.Member("source_list"));
        InitialiseList(_module.Member("target_list"));
    }

    /// <summary>INIT_LIST_HEAD().</summary>
    private void InitialiseList(ulong head)
    {
        Memory.WriteUInt64(head, head);
        Memory.WriteUInt64(head + 8, head);
    }

    /// <summary>find_module_sections().</summary>
    private Refusal? FindSections()
    {
        foreach (var (pointer, count, name, size, type) in Tables)
        {
            if (_kernel.Layout.Find(pointer) is null)
                continue;
            var section = _info.Find(System.Text.Encoding.ASCII.GetBytes(name));
            _module.Write(pointer, section?.Address ?? 0);
            if (count is not null)
                _module.WriteUInt32(count, section is null ? 0 : (uint)(section.Elf.Size / (type is null ? size : _kernel.Image.Struct(type).Size)));
        }

        PointTo(".BTF"u8, "btf_data", "btf_data_size");
        PointTo(".BTF.base"u8, "btf_base_data", "btf_base_data_size");
        if (_info.Find("__obsparm"u8) is not null)
            _kernel.Warn($"{Name}: Ignoring obsolete parameters");
        FindDynamicDebug();
        return FindConstructors();
    }

    /// <summary>Sections that are not kept: while the module is loaded, the struct points into the file's copy.</summary>
    private void PointTo(ReadOnlySpan<byte> name, string pointer, string size)
    {
        var section = _info.FindAny(name);
        _module.Write(pointer, section?.Address ?? 0);
        _module.WriteUInt32(size, (uint)(section?.Elf.Size ?? 0));
    }

    private Refusal? FindConstructors()
    {
        if (_kernel.Layout.Find("ctors") is null)
            return null;
        var (ctors, initArray) = (_info.Find(".ctors"u8), _info.Find(".init_array"u8));
        if (ctors is not null && initArray is not null)
        {
            _kernel.Warn($"{Name}: has both .ctors and .init_array.");
            return Refuse(Errno.EINVAL, "has both .ctors and .init_array: its parts were built by different compilers");
        }

        var section = ctors ?? initArray;
        _module.Write("ctors", section?.Address ?? 0);
        _module.WriteUInt32("num_ctors", (uint)((section?.Elf.Size ?? 0) / 8));
        return null;
    }

    /// <summary>struct _ddebug_info, in load_info (5.19 to 6.3) or in struct module.</summary>
    private void FindDynamicDebug()
    {
        var at = _kernel.Layout.Find("dyndbg_info") is { } offset ? _module.Address + offset : _info.DynamicDebug;
        if (at == 0)
            return;
        var layout = _kernel.Image.Struct("_ddebug_info");
        Fill("__dyndbg"u8, "descs", "num_descs", "_ddebug");
        if (layout.Find("classes") is not null)
            Fill("__dyndbg_classes"u8, "classes", "num_classes", "ddebug_class_map");

        void Fill(ReadOnlySpan<byte> name, string pointer, string count, string type)
        {
            var section = _info.Find(name);
            Memory.WriteUInt64(at + layout[pointer], section?.Address ?? 0);
            Memory.WriteUInt32(at + layout[count], section is null ? 0 : (uint)(section.Elf.Size / _kernel.Image.Struct(type).Size));
        }
    }

    /// <summary>check_module_license_and_versions().</summary>
    private async GuestTask<Refusal?> CheckSpecialLicenses()
    {
        var wasTainted = _kernel.IsTainted(Modules.Taint.ProprietaryModule);
        if (Name == "ndiswrapper")
            await _kernel.AddTaint(Modules.Taint.ProprietaryModule); // GPL itself, but it loads what is not
        if (Name is "driverloader" or "lve")
            await Taint(Modules.Taint.ProprietaryModule);
        if (!wasTainted && _kernel.IsTainted(Modules.Taint.ProprietaryModule))
            _kernel.Warn($"{Name}: module license taints kernel.");

        var lacksCrcs = (_module.ReadUInt32("num_syms") != 0 && _module.Read("crcs") == 0)
            || (_module.ReadUInt32("num_gpl_syms") != 0 && _module.Read("gpl_crcs") == 0);
        if (lacksCrcs && _kernel.Has("check_version") && !await TryToForceLoad("no versions for exported symbols"))
            return Refuse(Errno.ENOEXEC, "exports symbols without versions, and this kernel was built with CONFIG_MODVERSIONS");
        return null;
    }

    /// <summary>setup_modinfo(): the two texts that sysfs shows.</summary>
    private async GuestTask<Refusal?> SetUpModinfo()
    {
        await SetText("version", _info.Modinfo["version"u8]);
        await SetText("srcversion", _info.Modinfo["srcversion"u8]);
        _undo.Push(FreeModinfo);
        return null;
    }

    private async GuestTask SetText(string member, string? text) =>
        _module.Write(member, text is null ? 0 : await _kernel.Duplicate(ModuleContext.Bytes(text)));

    private async GuestTask FreeModinfo()
    {
        foreach (var member in (string[])["version", "srcversion"])
        {
            await _kernel.Free(_module.Read(member));
            _module.Write(member, 0);
        }
    }
}
