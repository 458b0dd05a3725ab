using System.Text.RegularExpressions;

namespace Lkm.Kernel.Tests;

/// <summary>What walks a task's stack finds the frames that it finds on Linux.</summary>
public class CallTraceTests
{
    [Fact]
    public void A_task_that_sleeps_in_a_system_call_has_the_frames_from_the_entry_on()
    {
        using var session = BootedKernel.Start();
        var trace = Functions(session.Run("sleep 1000 & sleep 0.01; cat /proc/$(pidof -s sleep)/stack").Output);
        Assert.Contains("hrtimer_nanosleep", trace);
        Assert.Equal(["do_syscall_64", "entry_SYSCALL_64_after_hwframe"], trace[^2..]);
    }

    [Fact]
    public void A_module_is_initialised_in_a_system_call_of_insmod()
    {
        using var session = BootedKernel.Start();
        var program = session.Run("modprobe brd; cat /proc/self/stack").Output;
        Assert.Equal(["do_syscall_64", "entry_SYSCALL_64_after_hwframe"], Functions(program)[^2..]);
        Assert.Contains("ksys_read", program);
        session.Run("echo 'p do_mkdirat' > /sys/kernel/tracing/kprobe_events; echo stacktrace > /sys/kernel/tracing/events/kprobes/p_do_mkdirat_0/trigger");
        session.Run("echo 1 > /sys/kernel/tracing/events/kprobes/enable; mkdir /tmp/made");
        var traced = session.Run("cat /sys/kernel/tracing/trace").Output;
        Assert.Matches(@"do_syscall_64\n => entry_SYSCALL_64_after_hwframe\n", traced);
    }

    [Fact]
    public void The_idle_task_has_the_frames_of_the_boot()
    {
        using var session = BootedKernel.Start();
        var first = session.Kernel.Log.Next;
        session.Run("echo 'p:tick tick_sched_timer' > /sys/kernel/tracing/kprobe_events; echo stacktrace > /sys/kernel/tracing/events/kprobes/tick/trigger");
        session.Run("echo 1 > /sys/kernel/tracing/events/kprobes/enable; sleep 0.1; echo 0 > /sys/kernel/tracing/events/kprobes/enable");
        var traced = session.Run("cat /sys/kernel/tracing/trace").Output;
        Assert.Matches(@"sysvec_apic_timer_interrupt\n => asm_sysvec_apic_timer_interrupt\n", traced);
        Assert.Matches(@"cpu_startup_entry\n => rest_init\n(?s:.)*start_kernel\n => secondary_startup_64_no_verify\n", traced);
        Assert.Empty(session.LogSince(first));
    }

    [Fact]
    public void Programs_of_the_shell_are_children_and_pipelines_are_processes()
    {
        using var session = BootedKernel.Start();
        Assert.Matches(@"^(\d+)\n\d+ \(cat\) R \1\n$", session.Run("echo $$; cat /proc/self/stat > /tmp/s; cut -d ' ' -f 1-4 /tmp/s").Output);
        Assert.Equal("00000000  00 00 00                                          |...|\n00000003\n", session.Run("cat /dev/zero | head -c 3 | hexdump -C").Output);
        Assert.Equal((141).ToString(), session.Run("sh -c 'kill -PIPE $$'; echo -n $?").Output);
        Assert.Empty(session.Findings);
    }

    private static string[] Functions(string trace) => [.. Regex.Matches(trace, @"\] (\w+)\+").Select(match => match.Groups[1].Value)];
}
