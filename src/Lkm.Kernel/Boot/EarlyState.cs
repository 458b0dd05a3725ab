using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What head_64.S, setup_arch() and setup_per_cpu_areas() leave behind, for there is no hardware for them to find it out from.
/// </summary>
internal static class EarlyState
{
    private const ulong Canary = 0x1122334455667700;
    private const ulong Cr4 = 0x000006a0 | (1 << 21); // four-level paging; setup_smap()

    /// <summary>Sets the processor's registers for init_task.</summary>
    public static void SetUpCpu(Cpu cpu, KernelImage image, PerCpuArea perCpu)
    {
        const ulong protectedMode = 0x80050033;
        cpu.Cr0 = protectedMode;
        cpu.Cr4 = Cr4;
        cpu.Cr3 = AddressSpace.ToPhysical(image.Symbol("init_top_pgt"));
        cpu.GsBase = perCpu.Offset;
        cpu.Rflags = 2;
        cpu.Rsp = IdleStackTop(image);
    }

    /// <summary>Where the idle task's stack begins: below the pt_regs that every task's stack ends with.</summary>
    public static ulong IdleStackTop(KernelImage image) =>
        image.Symbol("init_stack") + image.ThreadSize - Exceptions.PtRegs.Size - 8;

    /// <summary>Writes the bases, the per-CPU variables and the boot processor's description.</summary>
    public static void Write(GuestMemory memory, KernelImage image, PerCpuArea perCpu, ulong ramSize)
    {
        memory.WriteUInt64(image.Symbol("page_offset_base"), AddressSpace.PageOffset);
        memory.WriteUInt64(image.Symbol("vmalloc_base"), AddressSpace.VmallocStart);
        memory.WriteUInt64(image.Symbol("vmemmap_base"), AddressSpace.Vmemmap);
        memory.WriteUInt64(image.Symbol("phys_base"), AddressSpace.PhysicalBase);

        memory.WriteUInt64(image.Symbol("__per_cpu_offset"), perCpu.Offset);
        memory.WriteUInt64(perCpu.Of(image.Symbol("this_cpu_off")), perCpu.Offset);
        perCpu.Current = image.Symbol("init_task");
        perCpu.PreemptCount = Scheduling.PreemptCount.NoReschedule | Scheduling.PreemptCount.Disabled;
        memory.WriteUInt64(perCpu.TopOfStack, image.Symbol("init_stack") + image.ThreadSize);
        memory.WriteUInt64(perCpu.Of(CanaryOf(image)), Canary);
        memory.WriteUInt64(image.Symbol("init_task") + image.Struct("task_struct")["stack_canary"], Canary);

        var pages = ramSize / AddressSpace.PageSize;
        memory.WriteUInt64(image.Symbol("max_pfn"), pages);
        memory.WriteUInt64(image.Symbol("max_low_pfn"), pages);
        memory.WriteUInt64(image.Symbol("high_memory"), AddressSpace.PageOffset + ramSize);

        if (image.TrySymbol("__zero_page", out var zeroPage)) // init_zero_page_pfn(), since 7
        {
            memory.WriteUInt64(zeroPage, AddressSpace.ToStructPage(image.Symbol("empty_zero_page")));
            memory.WriteUInt64(image.Symbol("zero_page_pfn"), AddressSpace.ToFrame(image.Symbol("empty_zero_page")));
        }

        // cr4_init_shadow(), setup_arch()
        memory.WriteUInt64(perCpu.Of(image.Symbol("cpu_tlbstate")) + image.Struct("tlb_state")["cr4"], Cr4);
        memory.WriteUInt64(image.Symbol("mmu_cr4_features"), Cr4);

        // One node: set by set_hashdist()'s caller, which counts nodes (mm/page_alloc.c, fixup_hashdist()).
        if (image.TrySymbol("hashdist", out var spread))
            memory.WriteInt32(spread, 0);

        DescribeProcessor(memory, image);
        new Exceptions.ExceptionStacks(image).Write(memory, image, perCpu);
        DescribeApic(memory, image);
        Firmware.Write(memory, image, ramSize);
        if (image.TrySymbol("conswitchp", out var console))
            memory.WriteUInt64(console, image.Symbol("dummy_con"));
        CommandLine.Write(memory, image);
    }

    /// <summary>The per-CPU variable that the compiler's stack protector reads: it had a fixed place until it became a symbol (6.15).</summary>
    private static ulong CanaryOf(KernelImage image)
    {
        const ulong fixedPlace = 0x28; // fixed_percpu_data.stack_canary
        return image.TrySymbol("__stack_chk_guard", out var guard) ? guard : fixedPlace;
    }

    /// <summary>
    /// What setup_per_cpu_areas() does with what was noted of processors before, and what a guest of KVM is spared: waiting for ticks of the old timer.
    /// </summary>
    private static void DescribeApic(GuestMemory memory, KernelImage image)
    {
        foreach (var early in (string[])["x86_cpu_to_apicid_early_ptr", "x86_bios_cpu_apicid_early_ptr", "x86_cpu_to_acpiid_early_ptr", "x86_cpu_to_node_map_early_ptr"])
        {
            if (image.TrySymbol(early, out var pointer))
                memory.WriteUInt64(pointer, 0);
        }

        if (image.TrySymbol("no_timer_check", out var unchecked_))
            memory.WriteInt32(unchecked_, 1);
    }

    /// <summary>boot_cpu_data, as identify_boot_cpu() fills it from CPUID.</summary>
    private static void DescribeProcessor(GuestMemory memory, KernelImage image)
    {
        var cpu = image.Symbol("boot_cpu_data");
        var layout = image.Struct("cpuinfo_x86");
        memory.WriteByte(cpu + layout["x86"], CpuFeatures.Family);
        memory.WriteByte(cpu + layout["x86_vendor"], CpuFeatures.LinuxVendor);
        memory.WriteByte(cpu + layout["x86_model"], CpuFeatures.Model);
        memory.WriteByte(cpu + layout["x86_stepping"], CpuFeatures.Stepping);
        memory.WriteInt32(cpu + layout["cpuid_level"], 7);
        memory.WriteInt32(cpu + layout["x86_cache_alignment"], 64);
        memory.WriteUInt16(cpu + layout["x86_clflush_size"], 64);
        memory.WriteByte(cpu + layout["x86_phys_bits"], 34);
        memory.WriteByte(cpu + layout["x86_virt_bits"], 48);
        if (layout.Find("x86_max_cores") is { } cores)
            memory.WriteUInt16(cpu + cores, 1);
        "AuthenticAMD"u8.CopyTo(memory.Span(cpu + layout["x86_vendor_id"], 16));
        CpuFeatures.Name.CopyTo(memory.Span(cpu + layout["x86_model_id"], CpuFeatures.Name.Length));
        var capability = cpu + layout["x86_capability"];
        memory.WriteUInt32(capability, CpuFeatures.Leaf1Edx);
        memory.WriteUInt32(capability + 4, CpuFeatures.Leaf80000001Edx);
        memory.WriteUInt32(capability + 12, CpuFeatures.LinuxWord3);
        memory.WriteUInt32(capability + 16, CpuFeatures.Leaf1Ecx);
        memory.WriteUInt32(capability + 36, CpuFeatures.Leaf7Ebx);
        memory.WriteUInt32(capability + 56, CpuFeatures.Leaf6Eax);
    }
}
