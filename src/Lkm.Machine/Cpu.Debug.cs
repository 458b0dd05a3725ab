namespace Lkm.Machine;

public sealed unsafe partial class Cpu
{
    /// <summary>Reads DR0 to DR7. The processor itself acts on none of them: see <see cref="ICpuEnvironment.DebugRegisterWritten"/>.</summary>
    public ulong GetDebug(int register) => _c->Debug[register & 7];

    /// <summary>Writes DR0 to DR7, as the processor does to DR6 before #DB; the environment is not told.</summary>
    public void SetDebug(int register, ulong value) => _c->Debug[register & 7] = value;
}
