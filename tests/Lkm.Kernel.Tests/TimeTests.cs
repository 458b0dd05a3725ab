namespace Lkm.Kernel.Tests;

/// <summary>Clocks and timers are the image's own, on a time stamp counter and a one-shot timer.</summary>
public class TimeTests
{
    [Fact]
    public void The_time_stamp_counter_is_the_clock_source_and_timers_have_high_resolution()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("tsc\n", session.Run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").Output);
        var timers = session.Run("cat /proc/timer_list").Output;
        Assert.Contains(".hres_active    : 1", timers);
        Assert.Contains("Clock Event Device: lapic", timers);
        Assert.Contains("tick_sched_timer", timers);
    }

    [Fact]
    public void An_idle_kernel_has_no_tick_and_a_sleep_takes_its_time()
    {
        using var session = BootedKernel.Start();
        session.Run("sleep 0.1");
        var (ticks, started) = (LocalTimerInterrupts(session), session.Kernel.Clock.Nanoseconds);
        session.Run("sleep 10");
        Assert.InRange(session.Kernel.Clock.Nanoseconds - started, 10_000_000_000, 10_050_000_000);
        Assert.InRange(LocalTimerInterrupts(session) - ticks, 1, 500); // 2,500 if there were a tick
    }

    [Fact]
    public void A_short_sleep_ends_between_two_ticks()
    {
        using var session = BootedKernel.Start();
        var slept = session.Execute("sleeper", async process =>
        {
            var request = await process.Put((byte[])[0, 0, 0, 0, 0, 0, 0, 0, 0xa0, 0x86, 1, 0, 0, 0, 0, 0]); // 100,000 ns
            var started = session.Kernel.Clock.Nanoseconds;
            await process.SystemCall("nanosleep", request);
            return session.Kernel.Clock.Nanoseconds - started;
        });
        Assert.InRange(slept.Result, 100_000, 200_000); // 50,000 ns of slack
    }

    [Fact]
    public void The_timer_has_the_interrupt_line_of_a_pc()
    {
        using var session = BootedKernel.Start();
        Assert.Matches(@"\n +0: +\d+ +IO-APIC +2-edge +timer\n", session.Run("cat /proc/interrupts").Output);
    }

    private static int LocalTimerInterrupts(Sessions.KernelSession session) =>
        int.Parse(session.Run("grep LOC: /proc/interrupts | tr -s ' ' | cut -d ' ' -f 2").Output, System.Globalization.CultureInfo.InvariantCulture);
}
