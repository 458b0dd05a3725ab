using FsCheck;
using FsCheck.Fluent;
using Lkm.Cli.Comparing;

namespace Lkm.Cli.Tests.Comparing;

public class LineAlignmentTests
{
    private static string Show(IReadOnlyList<AlignedLine> rows) => string.Join(' ', rows.Select(row => $"{row.Real ?? "-"}{(row.IsSame ? '=' : row.Mark)}{row.Lkm ?? "-"}"));

    [Theory]
    [InlineData("", "", "")]
    [InlineData("a b c", "a b c", "a=a b=b c=c")]
    [InlineData("a b c", "a c", "a=a b<- c=c")]
    [InlineData("a c", "a b c", "a=a ->b c=c")]
    [InlineData("a b c", "a x c", "a=a b|x c=c")]
    [InlineData("a b", "", "a<- b<-")]
    [InlineData("", "x", "->x")]
    [InlineData("a b c d", "x b y d z", "a|x b=b c|y d=d ->z")]
    [InlineData("a b", "b a", "a<- b=b ->a")]
    public void Lines_that_say_the_same_stand_beside_each_other(string real, string lkm, string rows) =>
        Assert.Equal(rows, Show(LineAlignment.Align(Split(real), Split(lkm))));

    [Fact]
    public void What_a_call_trace_guesses_is_left_out_of_logs()
    {
        static LogLine[] Trace(params string[] lines) => [.. lines.Select(line => new LogLine(4, line))];
        IReadOnlyList<AlignedLine> rows = LineAlignment.Align(
            Trace(" schedule+0x5a/0xd0", " ? vm_mmap_pgoff+0x103/0x180", "what ? this"), Trace(" schedule+0x5a/0xd0", " ? ret_from_fork+0x1/0x30", "what ? this"));
        Assert.Equal(2, rows.Count);
        Assert.All(rows, row => Assert.True(row.IsSame));
    }

    [Fact]
    public void A_level_alone_makes_a_difference_and_is_shown()
    {
        IReadOnlyList<AlignedLine> rows = LineAlignment.Align([new LogLine(6, "same"), new LogLine(3, "text")], [new LogLine(6, "same"), new LogLine(4, "text")]);
        Assert.Equal("same=same <3>text|<4>text", Show(rows));
    }

    [Fact]
    public void Nothing_is_lost_or_made_up()
    {
        Gen<string[]> lines = Gen.Elements("a", "b", "c", "d 12 ms").ArrayOf();
        Prop.ForAll(lines.ToArbitrary(), lines.ToArbitrary(), (real, lkm) =>
        {
            IReadOnlyList<AlignedLine> rows = LineAlignment.Align(real, lkm);
            return rows.Select(row => row.Real).OfType<string>().SequenceEqual(real)
                && rows.Select(row => row.Lkm).OfType<string>().SequenceEqual(lkm)
                && rows.All(row => row.IsSame == (row.Real == row.Lkm) || !row.IsSame);
        }).QuickCheckThrowOnFailure();
    }

    private static string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
