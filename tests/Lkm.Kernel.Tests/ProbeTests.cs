using Lkm.Kernel.Probes;

namespace Lkm.Kernel.Tests;

/// <summary>Probes from outside.</summary>
public class ProbeTests
{
    [Theory]
    [InlineData("vfs_read", null, "vfs_read", null, false)]
    [InlineData("vfs_read()", null, "vfs_read", "", false)]
    [InlineData(" kmalloc_trace(size=%rdx) -> $ret ", null, "kmalloc_trace", "size=%rdx", true)]
    [InlineData("pipe:pipe_write(file, n=$arg3)", "pipe", "pipe_write", "file=file n=$arg3", false)]
    public void Expressions_are_read(string text, string? module, string function, string? fields, bool wantsReturn)
    {
        var probe = ProbeExpression.Parse(text).Value;
        Assert.Equal((module, function, wantsReturn), (probe.Module, probe.Function, probe.WantsReturn));
        Assert.Equal(fields, probe.Fields is null ? null : string.Join(' ', probe.Fields.Select(f => $"{f.Label}={f.Source}")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("->$ret")]
    [InlineData("f(")]
    [InlineData("f(a")]
    [InlineData("f(%nope)")]
    [InlineData("f($arg0)")]
    [InlineData("f($arg7)")]
    [InlineData("f(a b)")]
    [InlineData("f(,)")]
    [InlineData("f -> rax")]
    [InlineData("f g")]
    [InlineData(":f")]
    public void What_is_no_expression_is_refused(string text) => Assert.False(ProbeExpression.Parse(text).IsOk);

    [Fact]
    public void Any_text_gives_a_probe_or_an_error()
    {
        var random = new System.Random(5);
        const string letters = "ab:(),=%$-> 1retxg";
        for (var i = 0; i < 20000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(16)).Select(_ => letters[random.Next(letters.Length)]));
            var parsed = ProbeExpression.Parse(text);
            Assert.True(parsed.IsOk || parsed.Error!.Reason.Length > 0);
        }
    }

    [Fact]
    public void A_call_and_its_return_are_reported_with_their_values()
    {
        using var session = BootedKernel.Start();
        var events = new List<ProbeEvent>();
        var probe = session.Kernel.Probes.Add(ProbeExpression.Parse("vfs_read(count) -> $ret").Value, events.Add).Value;
        session.Run("dd if=/dev/zero bs=5 count=1 of=/dev/null status=none");
        var read = events.First(e => e.Fields is [("count", "5")]);
        Assert.Equal("dd", read.Comm);
        var returned = events[events.IndexOf(read) + 1];
        Assert.True(returned.IsReturn);
        Assert.Equal([("$ret", "5")], returned.Fields);
        var hits = probe.Hits;
        session.Kernel.Probes.Remove(probe);
        session.Run("dd if=/dev/zero bs=5 count=1 of=/dev/null status=none");
        Assert.Equal(hits, probe.Hits);
    }

    [Fact]
    public void Functions_that_CSharp_answers_can_be_watched_too()
    {
        using var session = BootedKernel.Start();
        var results = new List<string>();
        Assert.True(session.Kernel.Probes.Add(ProbeExpression.Parse("__kmalloc(size) -> $ret").Value, Report).IsOk);
        session.Run("cat /proc/version /proc/meminfo");
        Assert.Contains("size", results);
        Assert.Contains("$ret memory", results);

        void Report(ProbeEvent e) =>
            results.Add($"{e.Fields[0].Label}{(e.IsReturn && e.Fields[0].Value.StartsWith("0xfffffff", StringComparison.Ordinal) ? " memory" : "")}");
    }

    [Fact]
    public void What_cannot_be_watched_is_said()
    {
        using var session = BootedKernel.Start();
        var probes = session.Kernel.Probes;
        Assert.Equal("there is no function no_such", probes.Add(ProbeExpression.Parse("no_such").Value, _ => { }).Error!.Reason);
        Assert.Equal("there is no function f in hello", probes.Add(ProbeExpression.Parse("hello:f").Value, _ => { }).Error!.Reason);
        Assert.StartsWith("vfs_read has no argument foo", probes.Add(ProbeExpression.Parse("vfs_read(foo)").Value, _ => { }).Error!.Reason);
    }
}
