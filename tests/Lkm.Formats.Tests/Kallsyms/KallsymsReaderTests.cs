using Lkm.Formats.Kallsyms;
using Lkm.Formats.Tests.Builders;

namespace Lkm.Formats.Tests.Kallsyms;

public class KallsymsReaderTests
{
    [Theory]
    [InlineData(KallsymsLayout.Linux510, true)]
    [InlineData(KallsymsLayout.Linux61, true)]
    [InlineData(KallsymsLayout.Linux612, true)]
    [InlineData(KallsymsLayout.Linux615, false)]
    [InlineData(KallsymsLayout.Linux7, false)]
    [InlineData(KallsymsLayout.Absolute, true)]
    public void DecodesEveryLayout(KallsymsLayout layout, bool hasPerCpu)
    {
        foreach (int count in (int[])[10, 256, 1023])
        {
            var symbols = KallsymsEncoder.Sample(count, hasPerCpu);

            SymbolTable table = KallsymsReader.Read(KallsymsEncoder.Encode(symbols, layout), KallsymsEncoder.RodataAddress).Value;

            Assert.Equal(symbols, Enumerable.Range(0, table.Count).Select(i => (table.Address(i), table.Type(i), table.Name(i))));
        }
    }

    [Fact]
    public void SaysWhatIsMissing()
    {
        byte[] tables = KallsymsEncoder.Encode(KallsymsEncoder.Sample(300), KallsymsLayout.Linux61);

        Assert.Contains("no token table", KallsymsReader.Read(new byte[1000], 0, "vmlinux").Error!.Reason);
        Assert.Contains("no names that use it", KallsymsReader.Read(tables.AsSpan()[^2000..], 0).Error!.Reason);
        BitConverter.TryWriteBytes(tables.AsSpan(64), int.MaxValue);
        Assert.Contains("no addresses that ascend", KallsymsReader.Read(tables, KallsymsEncoder.RodataAddress).Error!.Reason);
    }
}
