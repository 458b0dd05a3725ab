using Lkm.Formats.Elf;

namespace Lkm.Formats.Tests.Elf;

public class X86RelocationTests
{
    [Theory]
    [InlineData(X86RelocationType.R_X86_64_NONE, 1, 2, 3, RelocationOutcome.Fits, 0UL, 0)]
    [InlineData(X86RelocationType.R_X86_64_64, 0xffffffff81000000, 8, 0, RelocationOutcome.Fits, 0xffffffff81000008, 8)]
    [InlineData(X86RelocationType.R_X86_64_32, 0xfffffff8, 7, 0, RelocationOutcome.Fits, 0xffffffffUL, 4)]
    [InlineData(X86RelocationType.R_X86_64_32, 0xfffffff8, 8, 0, RelocationOutcome.Overflow, 0x100000000UL, 4)]
    [InlineData(X86RelocationType.R_X86_64_32S, 0xffffffff81000000, 4, 0, RelocationOutcome.Fits, 0xffffffff81000004, 4)]
    [InlineData(X86RelocationType.R_X86_64_32S, 0x80000000, 0, 0, RelocationOutcome.Overflow, 0x80000000UL, 4)]
    [InlineData(X86RelocationType.R_X86_64_PC32, 0xffffffff81000000, -4, 0xffffffff81000010, RelocationOutcome.Fits, 0xffffffffffffffec, 4)]
    [InlineData(X86RelocationType.R_X86_64_PLT32, 0xffffffff81000000, -4, 0xffffffffc0000000, RelocationOutcome.Fits, 0xffffffffc0fffffc, 4)]
    [InlineData(X86RelocationType.R_X86_64_PLT32, 0xffff888000000000, -4, 0xffffffffc0000000, RelocationOutcome.Overflow, 0xffff88803ffffffc, 4)]
    [InlineData(X86RelocationType.R_X86_64_PC64, 0x10, 0, 0x20, RelocationOutcome.Fits, 0xfffffffffffffff0, 8)]
    [InlineData(X86RelocationType.R_X86_64_GOTPCREL, 0x10, 0, 0x20, RelocationOutcome.Unsupported, 0UL, 0)]
    public void ComputesWhatLinuxStores(
        X86RelocationType type, ulong symbol, long addend, ulong place, RelocationOutcome outcome, ulong value, int width) =>
        Assert.Equal(new RelocationValue(outcome, value, width), X86Relocation.Compute(type, symbol, addend, place));
}
