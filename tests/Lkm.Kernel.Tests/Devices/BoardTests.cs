using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Devices;

/// <summary>The devices of a PC's board, as the image's own drivers find them, and as modules use them.</summary>
public sealed class BoardTests(BuiltBoardModules modules) : IClassFixture<BuiltBoardModules>
{
    [Fact]
    public void The_drivers_of_the_image_find_keyboard_controller_and_clock()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("serio0\nserio1\n", session.Run("ls /sys/bus/serio/devices").Output);
        Assert.Equal("AT Translated Set 2 keyboard\n", session.Run("cat /sys/class/input/input0/name").Output);
        var interrupts = session.Run("cat /proc/interrupts").Output;
        Assert.Matches(@"\n +1: +9 .* i8042\n", interrupts); // as often as on real Linux
        Assert.Matches(@"\n +8: +0 .* rtc0\n", interrupts);
        Assert.Matches(@"\n +12: +3 .* i8042\n", interrupts);
        Assert.Contains("\n0070-0077 : rtc0\n", session.Run("cat /proc/ioports").Output);
        var log = session.Run("dmesg").Output;
        Assert.Contains("i8042: PNP: PS/2 Controller [PNP0303:KBD,PNP0f13:MOU] at 0x60,0x64 irq 1,12\n", log);
        Assert.Contains("registered as rtc0\n", log);
        Assert.Contains("rtc_date\t: 2024-01-01\n", session.Run("cat /proc/driver/rtc").Output);
    }

    [Fact]
    public void The_serial_port_is_found_and_what_is_written_to_it_follows_what_the_command_prints()
    {
        using var session = BootedKernel.Start();
        Assert.Contains("00:02: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A\n", session.Run("dmesg").Output);
        Assert.Contains("\n03f8-03ff : serial\n", session.Run("cat /proc/ioports").Output);
        Assert.Equal("first\nhi\nthere\n", session.Run("echo hi > /dev/ttyS0; echo there > /dev/ttyS0; echo first").Output);
        Assert.Equal("0: uart:16550A port:000003F8 irq:4 tx:11 rx:0 CTS|DSR|CD\n", session.Run("grep ^0 /proc/tty/driver/serial").Output);
        Assert.Matches(@" 4: +[1-9]\d* .* ttyS0\n", session.Run("( sleep 0.1; grep ttyS0 /proc/interrupts ) < /dev/ttyS0; ( echo x; sleep 0.1; grep ttyS0 /proc/interrupts >&2 ) > /dev/ttyS0").Output);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_speech_synthesizer_that_is_not_there_is_waited_for_at_the_serial_port()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Probe("speakup_ltlk").Succeeded);
        var log = session.LogSince(start);
        Assert.Contains("spk_ttyio: timeout (100000)  while waiting for input", log);
        Assert.Contains("synth probe", log);
        Assert.True(session.Unload("speakup_ltlk").Result.Succeeded);
    }

    [Fact]
    public void A_driver_that_takes_more_than_it_was_given_is_an_error_of_echo()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["boaster"], "").Result.Succeeded);
        Assert.Equal("sh: write error: Bad address\n1\nword\n", session.Run("echo word > /sys/kernel/boaster/word; echo $?; cat /sys/kernel/boaster/word").Output); // as busybox's
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_module_shares_the_keyboards_interrupt_and_hears_of_its_keys()
    {
        using var session = BootedKernel.Start();
        var log = Load(session, "keys");
        Assert.Contains("genirq: Flags mismatch irq 1. 00000000 (alone) vs. 00000080 (i8042)", log);
        Assert.Contains("alone: -16", log);
        Assert.Contains("input2", log); // the number of the keyboard's failed twin is not given again, on real Linux neither
        Assert.Matches(@" 1: .* i8042, shared\n", session.Run("grep i8042 /proc/interrupts").Output);

        Assert.Equal(["key 30 down", "interrupt 1"], LogOf(session, "echo 0x1e > /sys/module/keys/parameters/code"));
        Assert.Equal(["key 30 up", "interrupt 1"], LogOf(session, "echo 0x9e > /sys/module/keys/parameters/code"));
        Assert.Equal(["interrupt 1", "interrupt 1"], LogOf(session, "echo 1 > /sys/class/leds/input0::capslock/brightness")); // two acknowledgements
        Assert.Equal("1\n", session.Run("cat /sys/class/leds/input0::capslock/brightness").Output);
        Assert.True(session.Unload("keys").Result.Succeeded);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_module_gets_the_lines_that_it_gets_on_a_pc()
    {
        using var session = BootedKernel.Start();
        var log = Load(session, "lines"); // the lines are real Linux's (`lkm compare`)
        Assert.Contains("genirq: Flags mismatch irq 0. 00000080 (shared) vs. 00015a00 (timer)", log);
        foreach (var irq in (int[])[0, 8])
            Assert.Contains($"irq {irq}: shared -16 alone -16 chip IO-APIC type 0 level 0", log);
        foreach (var irq in (int[])[1, 3, 4, 6, 7, 12, 13, 14, 15])
            Assert.Contains($"irq {irq}: shared 0 alone -16 chip IO-APIC type 0 level 0", log);
        foreach (var irq in (int[])[5, 9, 10, 11])
            Assert.Contains($"irq {irq}: shared 0 alone -16 chip IO-APIC type 0 level 1", log);
        Assert.Contains("irq 2: shared 0 alone -16 chip XT-PIC type 0 level 1", log);
        Assert.Contains("irq 16: shared -22 alone -22 chip none type -1 level -1", log);
        var interrupts = session.Run("cat /proc/interrupts").Output;
        Assert.Matches(@"\n +2: +0 +XT-PIC +shared\n", interrupts);
        Assert.Matches(@"\n +5: +0 +IO-APIC +5-fasteoi +shared\n", interrupts);
        Assert.Matches(@"\n +9: +0 +IO-APIC +9-fasteoi +acpi, shared\n", interrupts);
        Assert.True(session.Unload("lines").Result.Succeeded);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void The_mouse_driver_finds_a_mouse_with_a_wheel_and_five_buttons()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Probe("psmouse").Succeeded);
        Assert.Contains("ImExPS/2 Generic Explorer Mouse", session.Run("sleep 2; cat /proc/bus/input/devices").Output);
        Assert.Equal(0, session.Run("modprobe -r psmouse").Status);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void The_clock_goes_rings_and_can_be_set()
    {
        using var session = BootedKernel.Start();
        var log = Load(session, "clock");
        Assert.Equal(["2024-01-01", "after 1 s: set", "after 4 s: rang", "2033-03-01T00:00:01"], log.TakeLast(4));
        Assert.Matches(@" 8: +1 .* rtc0\n", session.Run("grep rtc0 /proc/interrupts").Output);
    }

    [Fact]
    public void Two_sessions_from_one_snapshot_have_devices_of_their_own()
    {
        using (var first = BootedKernel.Start())
            first.Run("echo 1 > /sys/class/leds/input0::numlock/brightness");
        using var second = BootedKernel.Start();
        Assert.Matches(@" 1: +9 ", second.Run("grep i8042 /proc/interrupts").Output);
    }

    private IReadOnlyList<string> Load(KernelSession session, string module)
    {
        var start = session.Kernel.Log.Next;
        var result = session.Load(modules.Files[module], "").Result;
        Assert.True(result.Succeeded, string.Join('\n', session.LogSince(start)));
        return session.LogSince(start);
    }

    private static IReadOnlyList<string> LogOf(KernelSession session, string line)
    {
        var start = session.Kernel.Log.Next;
        Assert.Equal(0, session.Run(line).Status);
        return session.LogSince(start);
    }
}

/// <summary>The modules of these tests.</summary>
public sealed class BuiltBoardModules
{
    /// <summary>Their files.</summary>
    public BuiltModules Files { get; } = new("Devices/modules");
}
