namespace Lkm.Kernel.Tests;

/// <summary>The kernel's own threads: those of Linux, in the order in which it starts them.</summary>
public sealed class KernelThreadTests
{
    [Fact]
    public void Threads_have_the_names_numbers_and_states_of_Linux()
    {
        using var session = BootedKernel.Start();
        var threads = session.Run("ps -o pid,ppid,stat,args").Output.Split('\n').Skip(3).Take(14)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(line => $"{line[0]} {line[2]} {line[3].Split('-')[0]}");
        Assert.Equal( // as a Debian kernel on one processor under QEMU has them
            [
                "3 I [rcu_gp]", "4 I [rcu_par_gp]", "5 I [slub_flushwq]", "6 I [netns]", "7 I [kworker/0:0", "8 I [kworker/0:0H]", "9 I [kworker/u2:0", "10 I [mm_percpu_wq]",
                "11 I [rcu_tasks_kthread]", "12 I [rcu_tasks_rude_kthread]", "13 I [rcu_tasks_trace_kthread]", "14 S [ksoftirqd/0]", "15 I [rcu_preempt]", "16 S [migration/0]",
            ], threads);
    }

    [Fact]
    public void The_thread_that_stops_the_processor_has_the_highest_priority()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("-100 99 1\n", session.Run("cut -d' ' -f18,40,41 /proc/$(pidof migration/0)/stat").Output);
    }

    [Fact]
    public void Interrupts_have_their_folders()
    {
        using var session = BootedKernel.Start();
        Assert.Equal("1\n", session.Run("cat /proc/irq/1/smp_affinity").Output);
        Assert.Equal("i8042\n", session.Run("ls /proc/irq/1 | grep i8042").Output);
    }
}
