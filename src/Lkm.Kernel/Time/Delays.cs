using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Time;

/// <summary>Busy waiting (arch/x86/lib/delay.c): the time passes, without the instructions.</summary>
public sealed partial class Delays(TimerInterrupt timer)
{
    [KernelFunction("__udelay")]
    private GuestTask Udelay(ulong microseconds) => timer.Delay((long)microseconds * 1000);

    [KernelFunction("__ndelay")]
    private GuestTask Ndelay(ulong nanoseconds) => timer.Delay((long)nanoseconds);

    /// <summary>The argument is in units of 2^-32 seconds: 0x10c7 for each microsecond.</summary>
    [KernelFunction("__const_udelay")]
    private GuestTask ConstUdelay(ulong loops) => timer.Delay((long)((UInt128)loops * 1_000_000_000 >> 32));

    /// <summary>The argument is in cycles of the time stamp counter: one for each nanosecond here.</summary>
    [KernelFunction("__delay")]
    [KernelFunction("delay_tsc")]
    private GuestTask Delay(ulong loops) => timer.Delay((long)loops);
}
