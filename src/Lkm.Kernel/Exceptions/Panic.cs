using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Exceptions;

/// <summary>The end of a kernel: panic() says why in the log and restarts the machine, which stops the guest here.</summary>
public sealed partial class Panic(UserModeKernel kernel)
{
    [KernelFunction("emergency_restart")]
    [KernelFunction("machine_restart")]
    private void EmergencyRestart() => throw kernel.Stopped("panicked or restarted the machine; the kernel log says why");

    [KernelFunction("machine_halt")]
    [KernelFunction("machine_power_off")]
    private void Halt() => throw kernel.Stopped("halted the machine");
}
