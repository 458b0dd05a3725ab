using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Time;

/// <summary>Busy waiting (arch/x86/lib/delay.c): the time passes, without the instructions.</summary>
public sealed partial class Delays(VirtualClock clock)
{
    [KernelFunction("__udelay")]
    private void Udelay(ulong microseconds) => clock.Advance((long)microseconds * 1000);

    [KernelFunction("__ndelay")]
    private void Ndelay(ulong nanoseconds) => clock.Advance((long)nanoseconds);

    /// <summary>The argument is in units of 2^-32 seconds: 0x10c7 for each microsecond.</summary>
    [KernelFunction("__const_udelay")]
    private void ConstUdelay(ulong loops) => clock.Advance((long)((UInt128)loops * 1_000_000_000 >> 32));

    /// <summary>The argument is in loops of the delay loop: one for each nanosecond here.</summary>
    [KernelFunction("__delay")]
    [KernelFunction("delay_tsc")]
    private void Delay(ulong loops) => clock.Advance((long)loops);
}
