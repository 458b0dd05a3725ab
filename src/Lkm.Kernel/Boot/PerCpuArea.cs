using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// The per-CPU area of the one processor: what gs:[variable] reaches. Until 6.14 a per-CPU variable was linked at an offset from 0; since
/// then it has an address in the image like any other, and __per_cpu_start tells which of the two it is.
/// </summary>
public sealed class PerCpuArea
{
    private readonly GuestMemory _memory;
    private readonly ulong _current;
    private readonly ulong _preemptCount;

    /// <summary>Finds the variables that the core itself uses.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">The kernel; 6.2 moved the hot variables into one struct, pcpu_hot.</param>
    /// <param name="start">The address of the area.</param>
    public PerCpuArea(GuestMemory memory, KernelImage image, ulong start)
    {
        _memory = memory;
        Start = start;
        Offset = start - image.Symbol("__per_cpu_start");
        _current = Address(image, "current_task");
        _preemptCount = Address(image, "__preempt_count", "preempt_count");
        TopOfStack = image.TrySymbol("cpu_current_top_of_stack", out _) || image.TrySymbol("pcpu_hot", out _)
            ? Address(image, "cpu_current_top_of_stack", "top_of_stack")
            : Of(image.Symbol("cpu_tss_rw")) + image.Struct("tss_struct")["x86_tss.sp1"]; // before 5.16
        SoftirqPending = image.TrySymbol("__softirq_pending", out _) || image.TrySymbol("pcpu_hot", out _)
            ? Address(image, "__softirq_pending", "softirq_pending")
            : Of(image.Symbol("irq_stat")); // before 6.2, its first member (arch/x86/include/asm/hardirq.h)
    }

    /// <summary>The address of the area.</summary>
    public ulong Start { get; }

    /// <summary>__per_cpu_offset[0], this_cpu_off and GS base: what turns a per-CPU pointer into an address.</summary>
    public ulong Offset { get; }

    /// <summary>The address of the variable that holds the top of the running task's stack.</summary>
    public ulong TopOfStack { get; }

    /// <summary>The address of the variable that holds the pending soft interrupts, a bit each (local_softirq_pending()).</summary>
    public ulong SoftirqPending { get; }

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

    /// <summary>per_cpu_ptr(): the address of a per-CPU variable.</summary>
    /// <param name="pointer">Its symbol's value, or what alloc_percpu() gave.</param>
    public ulong Of(ulong pointer) => pointer + Offset;

    private ulong Address(KernelImage image, string symbol, string? hotMember = null) =>
        image.TrySymbol(symbol, out var pointer)
            ? Of(pointer)
            : Of(image.Symbol("pcpu_hot")) + image.Struct("pcpu_hot")[hotMember ?? symbol];
}
