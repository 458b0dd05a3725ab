namespace Lkm.Kernel.Tests.Shell;

/// <summary>timeout and mount in a booted kernel: their statuses are busybox's.</summary>
public class TimeoutTests
{
    [Theory]
    [InlineData("mknod /tmp/f p; cat /tmp/f", "cat", "wait_for_partner")] // nothing runs any more
    [InlineData("sleep 100000 | cat", "cat", "pipe_read")]
    [InlineData("while :; do sleep 10; done", "sleep", "")] // somebody always runs
    public void What_waits_for_ever_is_ended_and_the_kernel_goes_on(string line, string who, string where)
    {
        using var session = BootedKernel.Start();
        session.Kernel.RequestLimitSeconds = 600;
        Assert.Equal(("Terminated\n", 143), session.Run(line));
        Assert.Equal(["blocked"], session.Findings.Select(finding => finding.Kind));
        Assert.StartsWith($"{who} (pid ", session.Findings[0].Summary);
        Assert.Contains(where.Length == 0 ? "" : $", in {where}+0x", session.Findings[0].Summary);
        Assert.Equal(("on\n", 0), session.Run("echo on"));
    }

    [Theory]
    [InlineData("timeout 1 echo in time", "in time\n", 0)]
    [InlineData("timeout 5 false", "", 1)]
    [InlineData("timeout 1 sleep 100", "Terminated\n", 143)]
    [InlineData("timeout -s KILL 1 sleep 100", "Killed\n", 137)]
    [InlineData("mkfifo /tmp/f 2> /dev/null || mknod /tmp/f p; timeout 2 cat /tmp/f; echo $?", "Terminated\n143\n", 0)]
    [InlineData("timeout 9 cat /dev/zero | head -c 1 | wc -c", "1\n", 0)]
    [InlineData("sh -c 'kill -9 $$'", "Killed\n", 137)]
    [InlineData("kill -9 $$", "Killed\n", 137)]
    [InlineData("kill -63 $$", "Real-time signal 29\n", 191)]
    [InlineData("kill %7", "sh: kill: line 1: %7: no such job\n", 2)]
    [InlineData("sh -c 'kill -9 $$' | cat; sh -c 'exit 137'", "Killed\n", 137)]
    [InlineData("sh -c 'kill -2 $$'", "", 130)]
    [InlineData("mount -t foo none /mnt 2> /dev/null", "", 255)]
    public void A_status_is_busyboxs(string line, string output, int status)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Clock.Nanoseconds;
        Assert.Equal((output, status), session.Run(line));
        Assert.InRange(session.Kernel.Clock.Nanoseconds - start, 0, 4_000_000_000);
    }
}
