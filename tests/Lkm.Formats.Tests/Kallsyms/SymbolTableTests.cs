using Lkm.Formats.Kallsyms;

namespace Lkm.Formats.Tests.Kallsyms;

public class SymbolTableTests
{
    private static readonly SymbolTable Table = Make((0x100, "start"), (0x100, "alias"), (0x180, "helper"), (0x200, "kfree"), (0x240, "helper"), (0x300, "end"));

    [Fact]
    public void FindsByName()
    {
        Assert.Equal(3, Table.Find("kfree"));
        Assert.True(Table.TryGetAddress("kfree"u8, out ulong address));
        Assert.Equal(0x200UL, address);
        Assert.Equal(-1, Table.Find("missing"));
        Assert.Equal(-1, Table.Find(""));
    }

    [Fact]
    public void FindsAllOfARepeatedName()
    {
        int first = Table.Find("helper"u8);
        int second = Table.FindNext(first);

        Assert.Equal((2, 4, -1), (first, second, Table.FindNext(second)));
    }

    [Theory]
    [InlineData(0xff, -1, 0)]
    [InlineData(0x100, 0, 0)]
    [InlineData(0x17f, 0, 0x7f)]
    [InlineData(0x23f, 3, 0x3f)]
    [InlineData(0xffffffff, 5, 0xfffffcff)]
    public void FindsByAddress(ulong address, int index, ulong offset)
    {
        Assert.Equal(index >= 0, Table.TryFindByAddress(address, out int found, out ulong at));
        Assert.Equal((index, offset), (found, at));
    }

    [Fact]
    public void KnowsSizes() => Assert.Equal([0x80, 0x80, 0x80, 0x40, 0xc0, 0], Enumerable.Range(0, 6).Select(i => (int)Table.Size(i)));

    [Fact]
    public void OpensWhatItKept()
    {
        SymbolTable opened = SymbolTable.Open(Table.Blob.ToArray()).Value;

        Assert.Equal((6, 3, "kfree", 'T'), (opened.Count, opened.Find("kfree"), opened.Name(3), opened.Type(3)));
    }

    [Fact]
    public void RefusesOtherBytes()
    {
        Assert.Equal(Errno.EINVAL, SymbolTable.Open(new byte[100]).Error!.Errno);
        Assert.Equal(Errno.EINVAL, SymbolTable.Open(Table.Blob[..^1]).Error!.Errno);
    }

    [Fact]
    public void AnEmptyTableFindsNothing()
    {
        SymbolTable empty = new SymbolTableBuilder().Build();

        Assert.Equal(-1, empty.Find("kfree"));
        Assert.False(empty.TryFindByAddress(1, out _, out _));
    }

    private static SymbolTable Make(params (ulong Address, string Name)[] symbols)
    {
        var builder = new SymbolTableBuilder();
        foreach (var (address, name) in symbols)
            builder.Add(address, (byte)'T', System.Text.Encoding.UTF8.GetBytes(name));
        return builder.Build();
    }
}
