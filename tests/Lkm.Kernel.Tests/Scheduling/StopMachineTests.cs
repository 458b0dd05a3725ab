namespace Lkm.Kernel.Tests.Scheduling;

/// <summary>stop_machine(), and what is told of memory that was allocated in a system call.</summary>
public sealed class StopMachineTests(AtomicModules modules) : IClassFixture<AtomicModules>
{
    [Fact]
    public void The_function_runs_in_the_stopper_thread_with_interrupts_off()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["stopping"], "").Result.Succeeded);
        Assert.Equal(["stopping: stopped: migration/0, interrupts off", "stopping: result 7, memory 1"], session.LogSince(start).TakeLast(2));
    }

    [Fact]
    public void A_track_of_an_allocation_ends_where_user_space_has_called()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["stopping"], "").Result.Succeeded);
        Assert.True(session.Unload("stopping").Result.Succeeded);
        var start = session.Kernel.Log.Next;
        session.CheckForLeaks();
        var trace = session.LogSince(start).Where(line => line.StartsWith("    [<", StringComparison.Ordinal)).Select(line => line.Split(' ')[^1].Split('+')[0]).ToList();
        Assert.Equal("do_syscall_64 entry_SYSCALL_64_after_hwframe", string.Join(' ', trace.TakeLast(2)));
    }
}
