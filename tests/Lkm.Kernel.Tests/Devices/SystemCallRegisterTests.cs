namespace Lkm.Kernel.Tests.Devices;

/// <summary>The model-specific registers that say where a system call leads.</summary>
public sealed class SystemCallRegisterTests(BuiltBoardModules modules) : IClassFixture<BuiltBoardModules>
{
    [Fact]
    public void They_read_as_Linux_sets_them()
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["gate"], "").Result.Succeeded);
        Assert.Contains("gate: entry_SYSCALL_64, 23001000000000, 257fd5", session.LogSince(start));
        Assert.True(session.Unload("gate").Result.Succeeded);
    }

    [Fact]
    public void System_calls_go_through_the_code_that_a_module_lays_before_them()
    {
        using var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["gate"], "counts=1").Result.Succeeded);
        var (output, status) = session.Run("cat /sys/module/gate/parameters/calls; cat /sys/module/gate/parameters/calls");
        Assert.Equal(0, status);
        var counts = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse).ToArray();
        Assert.InRange(counts[1], counts[0] + 4, counts[0] + 100); // open, read, write and close at least
        Assert.True(session.Unload("gate").Result.Succeeded);
        Assert.Equal("hi\n", session.Run("echo hi").Output);
    }
}
