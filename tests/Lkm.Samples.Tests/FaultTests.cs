namespace Lkm.Samples.Tests;

/// <summary>samples/faults and samples/allocations: what is told of a module that breaks a rule, and nothing of one that keeps them.</summary>
public sealed class FaultTests
{
    [Theory]
    [InlineData("null-read", "BUG: kernel NULL pointer dereference")]
    [InlineData("wild-write", "general protection fault|unable to handle page fault")]
    [InlineData("write-const", "#PF: error_code(0x0003) - permissions violation")]
    [InlineData("write-code", "#PF: error_code(0x0003) - permissions violation")]
    [InlineData("execute-data", "kernel tried to execute NX-protected page - exploit attempt?")]
    [InlineData("overrun", "BUG: KASAN: slab-out-of-bounds")]
    [InlineData("use-after-free", "BUG: KASAN: ")]
    [InlineData("double-free", "BUG: KASAN: ")]
    [InlineData("double-free-page", "BUG: KASAN: double-free in ")]
    [InlineData("user-pointer", "BUG: KASAN: user-memory-access in user_pointer+0x")]
    [InlineData("lock-order", "WARNING: possible circular locking dependency detected")]
    [InlineData("lock-timer", "WARNING: inconsistent lock state")]
    [InlineData("bug", "kernel BUG at ")]
    [InlineData("warn", "WARNING: CPU: 0")]
    [InlineData("divide", "divide error: 0000")]
    public void A_mistake_is_told_as_Linux_tells_it(string kind, string expected)
    {
        using var samples = new BuiltSamples(["faults"]);
        using var session = samples.StartKernel();
        var step = samples.Run(session, $"insmod faults.ko kind={kind}");
        Assert.True(
            expected.Split('|').Any(text => step.Log.Any(line => line.Contains(text, StringComparison.Ordinal))),
            string.Join("\n", step.Log));
        Assert.DoesNotContain(step.Log, line => line.Contains("Unable to access opcode bytes", StringComparison.Ordinal)); // of insmod, which has executed them
        Assert.Equal(kind != "warn", session.Findings.Count > 0); // a warning is not the module's end: it is in the log only
    }

    [Fact]
    public void A_module_that_keeps_the_rules_has_no_findings()
    {
        using var samples = new BuiltSamples(["allocations"]);
        using var session = samples.StartKernel();
        Assert.Equal(0, samples.Run(session, "insmod allocations.ko; rmmod allocations").Status);
        Assert.Empty(session.Findings);
    }
}
