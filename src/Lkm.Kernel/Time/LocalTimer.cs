using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Time;

/// <summary>
/// The processor's two clocks: the time stamp counter, which counts nanoseconds, and the timer of its local APIC. The image's own drivers use
/// them (arch/x86/kernel/tsc.c, apic/apic.c), so that clock source, timekeeping and high-resolution timers are Linux's; only what touches
/// the hardware is here.
/// </summary>
public sealed partial class LocalTimer(VirtualClock clock)
{
    /// <summary>Counts of the time stamp counter in a millisecond.</summary>
    private const uint KiloHertz = 1_000_000;

    /// <summary>Nanoseconds in which the timer's counter goes down by one: APIC_DIVISOR cycles.</summary>
    private const long Resolution = 16;

    /// <summary>Writes what the drivers would measure against another clock: the timer's frequency, in cycles for each tick.</summary>
    internal static void Write(GuestMemory memory, KernelImage image) =>
        memory.WriteUInt32(image.Symbol("lapic_timer_period"), KiloHertz * 1000 / VirtualClock.Hz);

    /// <summary>What CPUID leaf 0x15 tells on processors that have it.</summary>
    [KernelFunction("native_calibrate_tsc")]
    [KernelFunction("native_calibrate_cpu_early")]
    private uint Frequency() => KiloHertz;

    [KernelFunction("lapic_next_event")]
    private int SetNextEvent(uint delta, ulong device)
    {
        _ = device;
        clock.SetEvent(delta * Resolution);
        return 0;
    }

    [KernelFunction("lapic_timer_set_periodic")]
    private int SetPeriodic(ulong device)
    {
        const long period = 1_000_000_000 / VirtualClock.Hz;
        _ = device;
        clock.SetEvent(period, period);
        return 0;
    }

    [KernelFunction("lapic_timer_set_oneshot")]
    [KernelFunction("lapic_timer_shutdown")]
    private int Stop(ulong device)
    {
        _ = device;
        clock.CancelEvent();
        return 0;
    }
}
