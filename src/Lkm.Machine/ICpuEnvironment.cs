namespace Lkm.Machine;

/// <summary>What CPUID answers, in the order of the registers.</summary>
public readonly record struct CpuidResult(uint Eax, uint Ebx, uint Ecx, uint Edx);

/// <summary>The board around the processor: ports, model-specific registers, identification, time.</summary>
public interface ICpuEnvironment
{
    /// <summary>Reads an I/O port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    uint In(ushort port, int size);

    /// <summary>Writes an I/O port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    /// <param name="value">The value, in the low bytes.</param>
    void Out(ushort port, int size, uint value);

    /// <summary>Reads a model-specific register the processor does not keep itself; false raises #GP.</summary>
    bool TryReadMsr(uint msr, out ulong value);

    /// <summary>Writes a model-specific register the processor does not keep itself; false raises #GP.</summary>
    bool TryWriteMsr(uint msr, ulong value);

    /// <summary>Identifies the processor.</summary>
    CpuidResult Cpuid(uint leaf, uint subleaf);

    /// <summary>
    /// A debug register was written (Intel SDM volume 3, 17.2). The processor keeps the values; what they ask for, breakpoints and
    /// watchpoints, is the environment's.
    /// </summary>
    /// <param name="register">0 to 7.</param>
    /// <param name="value">Its value.</param>
    void DebugRegisterWritten(int register, ulong value)
    {
    }

    /// <summary>
    /// An instruction writes what the shadow says is read-only. Where page tables know better, the environment changes the shadow there.
    /// </summary>
    /// <param name="address">Where.</param>
    /// <returns>Whether it did.</returns>
    bool MakeWritable(ulong address) => false;

    /// <summary>INVLPG of an address in the window: the shadow has to say of its page what page tables say now.</summary>
    /// <param name="address">The address.</param>
    void PageFlushed(ulong address)
    {
    }

    /// <summary>STAC was executed: what follows means to reach the memory of users.</summary>
    /// <param name="instruction">Where.</param>
    void UserMemoryOpened(ulong instruction)
    {
    }

    /// <summary>Whether page tables let code be fetched from a page of the window; of one that is not mapped they do not forbid it.</summary>
    /// <param name="address">An address in it.</param>
    bool IsExecutable(ulong address) => true;

    /// <summary>What RDTSC reads, in the environment's own ticks.</summary>
    ulong TimestampCounter { get; }
}
