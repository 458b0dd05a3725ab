using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Memory;

public sealed class ReportTests : IDisposable
{
    private const ulong Kernel = 0xcc0;

    private readonly BareKernel _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void A_report_of_an_overflow_is_KASANs_to_the_byte()
    {
        var report = new MemoryErrorReport
        {
            Kind = MemoryErrorKind.SlabOutOfBounds,
            Address = 0xffff888012345664,
            FirstBadAddress = 0xffff888012345664,
            Size = 1,
            IsWrite = true,
            InstructionPointer = 1,
            Pid = 123,
            Comm = "insmod",
            Object = new ObjectDescription(0xffff888012345600, 100, "kmalloc-128", 128, false, new AllocationTrack(123, "insmod", [2, 3]), null),
            MemoryStateStart = 0xffff888012345500,
            MemoryState = [.. Enumerable.Repeat((byte)0xfc, 32), .. Enumerable.Repeat((byte)0, 12), 4, .. Enumerable.Repeat((byte)0xfc, 35)],
        };
        string Symbolise(ulong address) => address switch
        {
            1 => "oob_init+0x12/0x40 [oob]",
            2 => "oob_init+0x8/0x40 [oob]",
            _ => "do_one_initcall+0x5d/0x200",
        };
        string[] expected =
        [
            "==================================================================",
            "BUG: KASAN: slab-out-of-bounds in oob_init+0x12/0x40 [oob]",
            "Write of size 1 at addr ffff888012345664 by task insmod/123",
            "",
            "CPU: 0 PID: 123 Comm: insmod",
            "",
            "Allocated by task 123:",
            " oob_init+0x8/0x40 [oob]",
            " do_one_initcall+0x5d/0x200",
            "",
            "The buggy address belongs to the object at ffff888012345600",
            " which belongs to the cache kmalloc-128 of size 128",
            "The buggy address is located 0 bytes to the right of",
            " 100-byte region [ffff888012345600, ffff888012345664)",
            "",
            "Memory state around the buggy address:",
            " ffff888012345500: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc",
            " ffff888012345580: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc",
            ">ffff888012345600: 00 00 00 00 00 00 00 00 00 00 00 00 04 fc fc fc",
            "                                                       ^",
            " ffff888012345680: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc",
            " ffff888012345700: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc",
            "==================================================================",
        ];
        Assert.Equal(expected, KasanReport.Format(report, Symbolise, ["CPU: 0 PID: 123 Comm: insmod"]));
    }

    [Fact]
    public void The_state_of_memory_is_told_in_KASANs_codes()
    {
        var address = _kernel.Call("__kmalloc", 100, Kernel);
        var report = _kernel.Kernel.Errors.DescribeAccess(address + 100, 1, isWrite: true, BareKernel.Caller);
        var at = (int)((address - report.MemoryStateStart) / 8);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0xfc, 0xfc, 0xfc], report.MemoryState.Skip(at).Take(16));
        Assert.Equal(0xfc, report.MemoryState[at - 1]);
        _kernel.Call("kfree", address);
        report = _kernel.Kernel.Errors.DescribeAccess(address, 8, isWrite: false, BareKernel.Caller);
        Assert.Equal(0xfb, report.MemoryState[at]);
    }

    [Theory]
    [InlineData(0x10, MemoryErrorKind.NullPointer)]
    [InlineData(0x7fff_0000_0000, MemoryErrorKind.UserMemoryAccess)]
    [InlineData(0xdead_0000_0000_0100, MemoryErrorKind.WildAccess)]
    [InlineData(0xffff_ffff_ffff_fff8, MemoryErrorKind.OutOfBounds)]
    public void Addresses_outside_of_memory_are_told_apart(ulong address, MemoryErrorKind kind) =>
        Assert.Equal(kind, _kernel.Kernel.Errors.DescribeAccess(address, 16, isWrite: false, BareKernel.Caller).Kind);

    [Fact]
    public void An_access_that_begins_inside_is_bad_where_it_leaves_the_object()
    {
        var address = _kernel.Call("__kmalloc", 100, Kernel);
        var report = _kernel.Kernel.Errors.DescribeAccess(address + 96, 8, isWrite: true, BareKernel.Caller);
        Assert.Equal(address + 100, report.FirstBadAddress);
        Assert.Equal(address + 96, report.Address);
        Assert.Equal(MemoryErrorKind.SlabOutOfBounds, report.Kind);
    }

    [Fact]
    public void Any_address_can_be_described()
    {
        var random = new System.Random(11);
        ulong[] anchors = [_kernel.Call("__kmalloc", 100, Kernel), AddressSpace.PageOffset, AddressSpace.VmallocStart, AddressSpace.ModulesStart, 0, ulong.MaxValue];
        for (var i = 0; i < 5000; i++)
        {
            var address = anchors[random.Next(anchors.Length)] + (ulong)random.NextInt64(-1L << random.Next(1, 40), 1L << random.Next(1, 40));
            var report = _kernel.Kernel.Errors.DescribeAccess(address, (ulong)random.Next(1, 64), random.Next(2) == 0, (ulong)random.NextInt64());
            Assert.NotEmpty(KasanReport.Format(report, a => $"{a:x}", []).ToList());
        }
    }

    [Fact]
    public void A_leak_is_told_in_kmemleaks_layout()
    {
        var leak = new LeakedObject(0xffff888012345600, 20, 4294900000, new AllocationTrack(42, "insmod", [0xffffffffc0000010]),
            [.. "hello, world"u8, 0, 1, 2, 3, 0xff, 0x41, 0, 0]);
        string[] expected =
        [
            "unreferenced object 0xffff888012345600 (size 20):",
            "  comm \"insmod\", pid 42, jiffies 4294900000",
            "  hex dump (first 20 bytes):",
            "    68 65 6c 6c 6f 2c 20 77 6f 72 6c 64 00 01 02 03  hello, world....",
            "    ff 41 00 00                                      .A..",
            "  backtrace:",
            "    [<ffffffffc0000010>] init+0x10/0x20 [leak]",
        ];
        Assert.Equal(expected, LeakReport.Format(leak, _ => "init+0x10/0x20 [leak]"));
    }
}
