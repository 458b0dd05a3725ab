namespace Lkm.Kernel.Boot;


/// <summary>
/// The boot as data: the init functions that are called, in start_kernel()'s order (init/main.c), and those that are left out, with the
/// reason. A step whose function an image lacks is passed over: releases differ.
/// </summary>
public static class BootSteps
{
    /// <summary>What start_kernel() calls, in order, up to rest_init().</summary>
    public static readonly string[] Early =
    [
        "x86_early_init_platform_quirks", // of x86_64_start_reservations()
        "jump_label_init", "static_call_init", "apic_setup_apic_calls", "e820__memblock_setup", "dmi_setup", "acpi_boot_table_init", "early_acpi_boot_init", "acpi_boot_init", "sfi_init", "init_apic_mappings", "io_apic_init_mappings", "e820__reserve_resources", // of setup_arch()
        "boot_cpu_init", "setup_cpu_local_masks", "setup_node_to_cpumask_map", "cgroup_init_early", "boot_cpu_hotplug_init",
        "build_all_zonelists", "setup_nr_cpu_ids", "reserve_standard_io_resources",
        "tsc_early_init", "early_security_init", "vfs_caches_init_early", "sort_main_extable", "unwind_init", "wait_bit_init", "ftrace_init",
        "ptlock_cache_init", "early_trace_init", "sched_init", "radix_tree_init", "maple_tree_init", "housekeeping_init", "workqueue_init_early", "rcu_init", "kvfree_rcu_init", "trace_init",
        "context_tracking_init", "init_timers", "timers_init", "srcu_init", "hrtimers_init", "softirq_init", "early_irq_init", "init_IRQ", "tick_init",
        "vdso_setup_data_pages", "timekeeping_init", "perf_event_init", "profile_init", "call_function_init", "kmem_cache_init_late",
        "setup_per_cpu_pageset", "numa_policy_init", "console_init", "acpi_early_init", "apic_intr_mode_select", "hpet_time_init", "apic_intr_mode_init", "tsc_init", "sched_clock_init",
        "fpu__init_system", "fpu__init_cpu", "alternative_instructions",
        "pid_idr_init", "anon_vma_init", "thread_stack_cache_init", "cred_init", "fork_init", "mm_cache_init", "proc_caches_init", "uts_ns_init", "time_ns_init", "key_init",
        "security_init", "net_ns_init", "buffer_init", "vfs_caches_init", "pagecache_init", "signals_init", "seq_file_init",
        "proc_root_init", "nsfs_init", "pidfs_init", "cpuset_init", "mem_cgroup_init", "cgroup_init", "taskstats_init_early", "delayacct_init", "acpi_subsystem_init",
        "arch_post_acpi_subsys_init",
    ];

    /// <summary>
    /// Steps that have their place in start_kernel() although they are initcalls as well, in kernels where they are; called again, they see
    /// that they are done. Any other step that is an initcall has its turn among those.
    /// </summary>
    public static readonly string[] EarlyAlthoughInitcalls = ["static_call_init"];

    /// <summary>What kernel_init_freeable() calls before the early initcalls (do_pre_smp_initcalls()).</summary>
    public static readonly string[] BeforeEarlyInitcalls =
    [
        "smp_prepare_cpus_common", "smp_store_boot_cpu_info", "setup_boot_APIC_clock", "workqueue_init", "init_mm_internals", "rcu_init_tasks_generic",
    ];

    /// <summary>What kernel_init_freeable() and do_basic_setup() call between the early initcalls and the others; cpuhp_threads_init() is of smp_init().</summary>
    public static readonly string[] BeforeInitcalls =
    [
        "lockup_detector_init", "cpuhp_threads_init", "workqueue_init_topology", "async_init", "padata_init", "page_alloc_sysctl_init", "cpuset_init_smp", "ksysfs_init", "driver_init", "init_irq_proc",
    ];

    /// <summary>Initcalls that are not run, and why.</summary>
    public static readonly (string Name, string Reason)[] SkippedInitcalls =
    [
        ("do_init_real_mode", "there is no real mode to return to"),
        ("init_real_mode", "there is no real mode to return to"), // its name before 5.16
    ];

    /// <summary>The symbols between which the initcalls of each level lie (include/asm-generic/vmlinux.lds.h, INIT_CALLS).</summary>
    public static readonly string[] InitcallLevels =
    [
        "__initcall_start", "__initcall0_start", "__initcall1_start", "__initcall2_start", "__initcall3_start", "__initcall4_start",
        "__initcall5_start", "__initcallrootfs_start", "__initcall6_start", "__initcall7_start", "__initcall_end",
    ];
}
