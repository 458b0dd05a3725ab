using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Tests.Checks;

/// <summary>What follows a user's pointer by itself is an oops on processors with SMAP, and goes unnoticed on others.</summary>
public sealed class UserAccessTests(SanitizerModules modules) : IClassFixture<SanitizerModules>
{
    [Fact]
    public void A_users_pointer_that_a_module_follows_by_itself_is_reported_and_followed()
    {
        using var session = Start("itself");
        var start = session.Kernel.Log.Next;
        Assert.Equal(("", 0), session.Run("echo hello > /proc/pointer"));
        Assert.Equal(("hello\n", 0), session.Run("cat /proc/pointer")); // into memory that nobody has touched yet
        Assert.Collection(
            session.Findings,
            finding => Assert.StartsWith("user-memory-access in pointer_write+0x", finding.Summary),
            finding => Assert.StartsWith("user-memory-access in pointer_read+0x", finding.Summary));
        Assert.Contains(session.LogSince(start), line => line == "pointer: kept hello");
        Assert.Contains(session.LogSince(start), line => line.StartsWith("Read of size 1 at addr 0000", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("copy")]
    [InlineData("opened")]
    [InlineData("nofault")]
    public void What_asks_Linux_for_users_memory_is_not_told_of(string how)
    {
        using var session = Start(how);
        Assert.Equal(("hello\n", 0), session.Run("echo hello > /proc/pointer; cat /proc/pointer"));
        Assert.True(session.Unload("pointer").Result.Succeeded);
        session.CheckForLeaks();
        Assert.Empty(session.Findings);
    }

    [Theory]
    [InlineData("locked", "_copy_from_user+0x", "with preemption off, as with a spinlock held")]
    [InlineData("get", "__get_user_1+0x", "in an RCU read-side section")]
    public void Users_memory_is_not_for_those_who_may_not_sleep(string how, string function, string why)
    {
        using var session = Start(how);
        Assert.Equal(("hello\n", 0), session.Run("echo hello > /proc/pointer; cat /proc/pointer"));
        var summary = Assert.Single(session.Findings).Summary;
        Assert.StartsWith(function, summary);
        Assert.Contains(" may sleep, and pointer_write+0x", summary);
        Assert.EndsWith(why, summary);
    }

    private KernelSession Start(string how)
    {
        var session = BootedKernel.Start();
        Assert.True(session.Load(modules.Files["pointer"], $"how={how}").Result.Succeeded);
        return session;
    }
}
