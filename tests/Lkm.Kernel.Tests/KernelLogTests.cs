using Lkm.Kernel.Printing;

namespace Lkm.Kernel.Tests;

/// <summary>The log holds what the kernel's own ring buffer would.</summary>
public class KernelLogTests
{
    private const uint Capacity = 1 << 12;

    private readonly KernelLog _log = new(() => 0, Capacity);

    [Fact]
    public void The_oldest_records_go_when_their_text_fills_the_ring()
    {
        const int text = 504, size = 512; // with the 8 bytes before each
        for (var i = 0; i < 100; i++)
            _log.Write(6, i.ToString("d3") + new string('.', text - 3));
        Assert.Equal(100, _log.Next);
        Assert.Equal(Capacity / size, _log.Next - _log.First);
        Assert.Equal(["092", "093", "094", "095", "096", "097", "098", "099"], _log.Records.Select(record => record.Text[..3]));
    }

    [Fact]
    public void There_are_no_more_records_than_descriptors()
    {
        for (var i = 0; i < 1000; i++)
            _log.Write(6, "");
        Assert.Equal(Capacity / 32, _log.Next - _log.First);
    }

    [Fact]
    public void A_record_is_continued_where_it_is_the_last()
    {
        _log.Print(6, "one");
        _log.Print(-1, "\u0001c two\n");
        _log.Write(6, "three");
        Assert.Equal(["one two", "three"], _log.Records.Select(record => record.Text));
        Assert.Equal(2, _log.Next);
    }

    [Fact]
    public void Records_are_told_by_number_while_others_come()
    {
        _log.Write(6, "a");
        var since = _log.Next;
        _log.Write(6, "b");
        Assert.Equal(["b"], _log.Since(since).Select(record => record.Text));
        for (var i = 0; i < 1000; i++)
            _log.Write(6, "");
        Assert.Equal(_log.Next - _log.First, _log.Since(since).Count());
    }

    [Fact]
    public void Clearing_hides_what_came_before_and_removes_nothing()
    {
        _log.Write(6, "a");
        _log.Clear();
        _log.Write(6, "b");
        Assert.Equal(["b"], _log.Since(_log.Cleared).Select(record => record.Text));
        Assert.Equal(["a", "b"], _log.Records.Select(record => record.Text));
    }
}
