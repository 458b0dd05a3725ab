namespace Lkm.Kernel.Boot;

/// <summary>
/// How the first chunk of per-CPU memory is divided (mm/percpu.c, pcpu_setup_first_chunk()): the image's variables, what is kept for
/// those of modules, and the start of what alloc_percpu() gives. Sizes in bytes.
/// </summary>
/// <param name="Static">The image's own variables.</param>
/// <param name="Reserved">PERCPU_MODULE_RESERVE: the most that variables of modules may take.</param>
/// <param name="Dynamic">PERCPU_DYNAMIC_RESERVE, and what the last page has left.</param>
internal readonly record struct PerCpuLayout(ulong Static, ulong Reserved, ulong Dynamic)
{
    /// <summary>What the whole takes on Linux.</summary>
    public ulong Size => Static + Reserved + Dynamic;

    /// <summary>What it takes here: red zones between modules' variables must not make them fewer.</summary>
    public ulong SizeWithRedzones => Size + AddressSpace.PageAlign(Reserved);

    /// <summary>The division that an image's configuration makes.</summary>
    public static PerCpuLayout Of(KernelImage image)
    {
        const ulong dynamicReserve = 28 << 10;
        // CONFIG_MEM_ALLOC_PROFILING has counters in each module (include/linux/percpu.h, since 6.10).
        var reserved = image.TrySymbol("mem_alloc_profiling_key", out _) ? 8UL << 13 : 8UL << 10;
        var variables = (image.Symbol("__per_cpu_end") - image.Symbol("__per_cpu_start") + 15) & ~15UL;
        return new PerCpuLayout(variables, reserved, AddressSpace.PageAlign(variables + reserved + dynamicReserve) - variables - reserved);
    }
}
