using Lkm.Kernel.Boot;
using Lkm.Machine;

namespace Lkm.Kernel.Devices;

/// <summary>
/// The I/O APIC's registers where the guest sees them (FIX_IO_APIC_BASE_0). No memory is there for it, so each access stops the processor: what is read is put in
/// place before the instruction is executed, and what was written is passed on after it.
/// </summary>
/// <param name="cpu">The processor.</param>
/// <param name="memory">Its memory.</param>
/// <param name="page">The page; 0 where the kernel has none.</param>
/// <param name="device">Whose registers they are.</param>
internal sealed class MappedRegisters(Cpu cpu, GuestMemory memory, ulong page, IoApic device)
{
    /// <summary>Whether the processor stopped at an access of the registers.</summary>
    public bool Has(CpuExit exit) => exit.Vector == CpuVector.PageFault && page != 0 && exit.Address - page < AddressSpace.PageSize;

    /// <summary>Makes the access.</summary>
    /// <returns>What came of it.</returns>
    public CpuExit Access(CpuExit exit)
    {
        var at = exit.Address & ~3UL;
        var offset = at - page;
        memory.WriteUInt32(at, exit.Write ? 0 : device.Read(offset));
        var done = cpu.StepIgnoringShadow();
        if (exit.Write && done.Kind != CpuExitKind.Exception)
            device.Write(offset, memory.ReadUInt32(at));
        return done;
    }
}
