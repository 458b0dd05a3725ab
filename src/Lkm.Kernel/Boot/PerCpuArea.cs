using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>The per-CPU area of the one processor: what gs:[offset] reaches.</summary>
public sealed class PerCpuArea
{
    private readonly GuestMemory _memory;
    private readonly ulong _current;
    private readonly ulong _preemptCount;

    /// <summary>Finds the variables that the core itself uses.</summary>
    /// <param name="memory">The guest's _memory.</param>
    /// <param name="image">The kernel; 6.2 moved the hot variables into one struct, pcpu_hot.</param>
    /// <param name="start">The address of the area.</param>
    public PerCpuArea(GuestMemory memory, KernelImage image, ulong start)
    {
        _memory = memory;
        Start = start;
        _current = Address(image, "current_task");
        _preemptCount = Address(image, "__preempt_count", "preempt_count");
        TopOfStack = image.TrySymbol("cpu_current_top_of_stack", out _) || image.TrySymbol("pcpu_hot", out _)
            ? Address(image, "cpu_current_top_of_stack", "top_of_stack")
            : Start + image.Symbol("cpu_tss_rw") + image.Struct("tss_struct")["x86_tss.sp1"]; // before 5.16
    }

    /// <summary>The address of the area; GS base.</summary>
    public ulong Start { get; }

    /// <summary>The address of the variable that holds the top of the running task's stack.</summary>
    public ulong TopOfStack { get; }

    /// <summary>current: the address of the running task's task_struct.</summary>
    public ulong Current
    {
        get => _memory.ReadUInt64(_current);
        set => _memory.WriteUInt64(_current, value);
    }

    /// <summary>__preempt_count, with the inverted need-resched bit (arch/x86/include/asm/preempt.h).</summary>
    public uint PreemptCount
    {
        get => _memory.ReadUInt32(_preemptCount);
        set => _memory.WriteUInt32(_preemptCount, value);
    }

    /// <summary>The address of a per-CPU variable given by its offset.</summary>
    public ulong Of(ulong offset) => Start + offset;

    private ulong Address(KernelImage image, string symbol, string? hotMember = null) =>
        image.TrySymbol(symbol, out var offset)
            ? Start + offset
            : Start + image.Symbol("pcpu_hot") + image.Struct("pcpu_hot")[hotMember ?? symbol];
}
