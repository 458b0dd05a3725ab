using Lkm.Kernel.Devices;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// The interrupt that the processor sends itself, through its local APIC, to do irq_work soon and in hard interrupt context
/// (arch/x86/kernel/irq_work.c). It comes as soon as interrupts are on.
/// </summary>
public sealed partial class SelfInterrupt(Cpu cpu, ExceptionEntry entry, LocalApic apic)
{
    private const ulong InterruptFlag = 1 << 9;

    /// <summary>Whether it waits for the processor.</summary>
    public bool IsPending { get; private set; }

    /// <summary>Takes the interrupt if it waits and the processor accepts one.</summary>
    public void Poll()
    {
        if (!IsPending || (cpu.Rflags & InterruptFlag) == 0)
            return;
        IsPending = false;
        apic.Begin(LocalApic.IrqWorkVector);
        _ = entry.DeliverIrqWork();
    }

    [KernelFunction("arch_irq_work_raise")]
    private void Raise() => IsPending = true;
}
