using Lkm.Machine;

namespace Lkm.Kernel.Snapshots;

/// <summary>The registers of the processor, which has halted in the idle task when a snapshot is taken.</summary>
internal sealed class ProcessorState(Cpu cpu) : ISnapshotState
{
    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        foreach (var register in (ulong[])[cpu.Rbx, cpu.Rbp, cpu.R12, cpu.R13, cpu.R14, cpu.R15, cpu.Rax, cpu.Rcx, cpu.Rdx, cpu.Rsi, cpu.Rdi, cpu.R8, cpu.R9, cpu.R10, cpu.R11, cpu.Rsp, cpu.Rip, cpu.Rflags])
            writer.Write(register);
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        (cpu.Rbx, cpu.Rbp, cpu.R12, cpu.R13, cpu.R14, cpu.R15) = (Next(), Next(), Next(), Next(), Next(), Next());
        (cpu.Rax, cpu.Rcx, cpu.Rdx, cpu.Rsi, cpu.Rdi) = (Next(), Next(), Next(), Next(), Next());
        (cpu.R8, cpu.R9, cpu.R10, cpu.R11, cpu.Rsp, cpu.Rip, cpu.Rflags) = (Next(), Next(), Next(), Next(), Next(), Next(), Next());

        ulong Next() => reader.ReadUInt64();
    }
}
