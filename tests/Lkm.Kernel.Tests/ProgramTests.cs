using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;

namespace Lkm.Kernel.Tests;

/// <summary>Programs: what execve(2) makes of a process, and what the kernel itself starts.</summary>
public class ProgramTests
{
    [Fact]
    public void A_command_is_a_program_that_was_executed()
    {
        using var session = BootedKernel.Start();
        var (output, status) = session.Run("readlink /proc/self/exe; cat /proc/self/cmdline | tr '\\0' ' '; grep -E 'stack|vdso|busybox' /proc/self/maps | wc -l");
        Assert.Equal(("/bin/busybox\ncat /proc/self/cmdline 3\n", 0), (output, status));
    }

    [Fact]
    public void A_shell_is_one_too_and_so_is_what_loads_a_module()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("/bin/sh\0", session.Run("cat /proc/$$/cmdline").Output);
        var seen = session.Execute("insmod", async process =>
        {
            Assert.Equal(Errno.OK, await process.Execute("/bin/insmod", ["insmod", "a.ko", "n=1"], ["HOME=/"]));
            var arguments = await process.ProgramArguments() ?? [];
            var maps = await new Lkm.Kernel.Shell.ShellFiles(process, "insmod").ReadFile("/proc/self/maps");
            return $"{string.Join(' ', arguments)}: {System.Text.Encoding.ASCII.GetString(maps.Bytes).Split('\n')[0].Split(' ')[^1]}";
        });
        Assert.Equal("insmod a.ko n=1: /bin/kmod", seen.Result);
    }

    [Theory]
    [InlineData("/bin/echo hi", "hi\n", 0)]
    [InlineData("/usr/bin/head -c 5 /proc/version", "Linux", 0)]
    [InlineData("/nonesuch", "sh: /nonesuch: not found\n", 127)]
    [InlineData("/proc/version", "sh: /proc/version: Permission denied\n", 126)]
    [InlineData("echo 'echo a script' > /tmp/s; sh /tmp/s", "a script\n", 0)]
    [InlineData("printf '#!/bin/sh\\necho a script\\nfalse\\n' > /tmp/s; chmod 755 /tmp/s; /tmp/s", "a script\n", 1)]
    [InlineData("cp /bin/busybox /tmp/p; printf x | dd of=/tmp/p bs=1 seek=232 conv=notrunc 2>/dev/null; chmod 755 /tmp/p; /tmp/p",
        "sh: /tmp/p: machine code of user space is not executed\n", 126)]
    public void A_path_is_executed(string line, string output, int status)
    {
        using var session = BootedKernel.Start();
        Assert.Equal((output, status), session.Run(line));
    }

    [Fact]
    public void The_kernel_starts_programs()
    {
        using var session = BootedKernel.Start();
        var results = session.Execute("helper", async process => (
            await Help(session, "/bin/touch", "/tmp/touched"),
            await Help(session, "/bin/sh", "-c", "echo from a helper > /tmp/out; exit 3"),
            await Help(session, "/bin/nonesuch")));
        Assert.Equal((0, 3 << 8, -(int)Errno.ENOENT), results.Result);
        Assert.Equal("from a helper\n/tmp/touched\n", session.Run("cat /tmp/out; ls /tmp/touched").Output);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void A_probe_of_what_tutorials_hook_sees_commands()
    {
        using var session = BootedKernel.Start();
        session.Run("cd /sys/kernel/tracing; echo 'p:ex __x64_sys_execve' > kprobe_events; echo 'p:op __x64_sys_openat' >> kprobe_events; echo 1 > events/kprobes/enable");
        session.Run("cat /proc/version");
        var (seen, _) = session.Run("cd /sys/kernel/tracing; echo 0 > events/kprobes/enable; grep -c ' ex: ' trace; grep -c ' op: ' trace");
        Assert.Equal("1\n2\n", seen); // cat; what it prints, and the file by which the next line ends the tracing
    }

    [Fact]
    public void Switches_and_wakeups_are_events()
    {
        using var session = BootedKernel.Start();
        session.Run("cd /sys/kernel/tracing; for e in sched_switch sched_waking sched_wakeup sched_wakeup_new; do echo 1 > events/sched/$e/enable; done");
        session.Run("sleep 0.1");
        var (seen, _) = session.Run(
            "cd /sys/kernel/tracing; for e in sched_switch sched_waking sched_wakeup sched_wakeup_new; do echo 0 > events/sched/$e/enable; done; "
            + "grep -E 'comm=sleep|next_comm=sleep|prev_comm=sleep' trace | sed -e 's/.*: sched/sched/' -e 's/[a-z_]*pid=[0-9]* //g'");
        Assert.Contains("sched_switch: prev_comm=sleep prev_prio=120 prev_state=S ==> next_comm=swapper/0", seen);
        Assert.Contains("sched_waking: comm=sleep", seen);
        Assert.Contains("sched_wakeup: comm=sleep", seen);
        Assert.Contains("sched_switch: prev_comm=swapper/0 prev_prio=120 prev_state=R ==> next_comm=sleep", seen);
        Assert.Contains("sleep-", session.Run("cat /sys/kernel/tracing/trace").Output);
    }

    [Fact]
    public void Asking_for_others_in_vain_takes_time()
    {
        using var session = BootedKernel.Start();
        var spent = session.Execute("spin", async _ =>
        {
            var began = session.Kernel.Clock.Nanoseconds;
            for (var i = 0; i < 1000; i++)
                await session.Kernel.Calls.Call(session.Kernel.Image.Symbol("schedule"));
            return session.Kernel.Clock.Nanoseconds - began;
        });
        Assert.InRange(spent.Result, 500_000, 1_000_000);
    }

    [Fact]
    public void A_helper_has_the_environment_that_the_kernel_gave_it()
    {
        using var session = BootedKernel.Start();
        session.Execute("caller", async _ => await Help(session, "/bin/sh", "-c", "echo $HOME $TERM. > /tmp/home"));
        Assert.Equal("/helper .\n", session.Run("cat /tmp/home").Output);
        Assert.Equal("/root linux\n", session.Run("echo $HOME $TERM").Output);
    }

    [Fact]
    public void A_table_of_system_calls_that_a_module_has_changed_changes_nothing()
    {
        const ulong geteuid = 107;
        using var session = BootedKernel.Start();
        session.Run("true");
        var image = session.Kernel.Image;
        session.Kernel.Memory.WriteUInt64(image.Symbol("sys_call_table") + (geteuid * sizeof(ulong)), image.Symbol("__x64_sys_getpid"));
        Assert.Equal("root\n", session.Run("whoami").Output); // x64_sys_call() chooses, not the table; before, the call's number was not found in it
    }

    [Fact]
    public void Process_1_is_a_program()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("init\n/init\n/bin/busybox\n", session.Run("cat /proc/1/comm; tr '\\0' '\\n' < /proc/1/cmdline; readlink /proc/1/exe").Output);
        Assert.Contains("[stack]", session.Run("cat /proc/1/maps").Output);
        var init = session.Kernel.Init.Task;
        Assert.NotEqual(0UL, session.Kernel.Memory.ReadUInt64(init + (ulong)session.Kernel.Image.Struct("task_struct")["mm"]));
    }

    /// <summary>call_usermodehelper(), which waits for the end.</summary>
    private static async GuestTask<int> Help(Sessions.KernelSession session, params string[] arguments)
    {
        const ulong waitForEnd = 2; // UMH_WAIT_PROC
        var kernel = session.Kernel;
        using var scratch = new StackScratch(kernel.Cpu, kernel.Memory);
        var vector = scratch.Take(sizeof(ulong) * (arguments.Length + 1));
        for (var i = 0; i < arguments.Length; i++)
            kernel.Memory.WriteUInt64(vector + ((ulong)i * sizeof(ulong)), scratch.Take(arguments[i]));
        var environment = scratch.Take(2 * sizeof(ulong));
        kernel.Memory.WriteUInt64(environment, scratch.Take("HOME=/helper"));
        return (int)await kernel.Calls.Call(
            kernel.Image.Symbol("call_usermodehelper"), kernel.Memory.ReadUInt64(vector), vector, environment, waitForEnd);
    }
}
