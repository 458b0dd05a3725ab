namespace Lkm.Kernel.Tests.Scheduling;

/// <summary>Call traces say which stack a frame lies on, and go on with the interrupted one: real Linux's lines (`lkm compare`).</summary>
public sealed class StackTests(AtomicModules modules) : IClassFixture<AtomicModules>
{
    [Theory]
    [InlineData("watch")]
    [InlineData("break")]
    public void The_handler_of_a_breakpoint_of_the_processor_has_a_stack_of_its_own(string where)
    {
        var trace = TraceOf(where);
        Assert.Equal(["<#DB>", "dump_stack_lvl", "__perf_event_overflow"], trace.Take(3));
        Assert.Equal(["asm_exc_debug", "</#DB>", "<TASK>", "traces_init", "do_one_initcall"], trace.SkipWhile(line => line != "asm_exc_debug").Take(5));
        Assert.Equal("</TASK>", trace[^1]);
    }

    [Theory]
    [InlineData("entry")]
    [InlineData("inside")]
    public void The_handler_of_a_probe_runs_on_the_stack_of_the_task(string where)
    {
        var trace = TraceOf(where);
        Assert.Equal(["<TASK>", "dump_stack_lvl", "before"], trace.Take(3));
        Assert.Equal("</TASK>", trace[^1]);
    }

    [Theory]
    [InlineData("hrtimer")]
    [InlineData("timer")]
    [InlineData("work")]
    public void The_handler_of_an_interrupt_runs_on_the_stack_of_interrupts(string where)
    {
        var trace = TraceOf(where);
        Assert.Equal(["<IRQ>", "dump_stack_lvl"], trace.Take(2));
        Assert.Equal(["</IRQ>", "<TASK>"], trace.SkipWhile(line => line != "</IRQ>").Take(2));
        Assert.Equal("</TASK>", trace[^1]);
    }

    private List<string> TraceOf(string where)
    {
        using var session = BootedKernel.Start();
        var start = session.Kernel.Log.Next;
        Assert.True(session.Load(modules.Files["traces"], $"where={where}").Result.Succeeded);
        var trace = session.LogSince(start).SkipWhile(line => line != "Call Trace:").Skip(1)
            .Where(line => line.StartsWith(' ') && !line.StartsWith(" ? ", StringComparison.Ordinal)).Select(line => line.Trim().Split('+')[0]);
        return [.. trace];
    }
}
