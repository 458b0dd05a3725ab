using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Addresses of the user half go through page tables in guest physical memory.</summary>
public class MmuTests
{
    private const ulong Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, Large = 0x80;
    private const ulong Tables = 0x400_0000, Pages = 0x500_0000;

    private static void Map(GuestMemory memory, ulong address, ulong frame, ulong rights)
    {
        ulong table = Tables;
        for (var level = 3; level > 0; level--)
        {
            var slot = GuestMemory.WindowStart + table + ((address >> (12 + 9 * level)) & 511) * 8;
            table = Tables + (ulong)(4 - level) * 0x1000;
            memory.WriteUInt64(slot, table | Present | Writable | User);
        }
        memory.WriteUInt64(Entry(address), frame | rights);
    }

    private static ulong Entry(ulong address) => GuestMemory.WindowStart + Tables + 0x3000 + ((address >> 12) & 511) * 8;

    private static TestMachine Machine(Action<Iced.Intel.Assembler> code)
    {
        var machine = new TestMachine().Load(a =>
        {
            code(a);
            a.hlt();
        });
        machine.Cpu.Cr3 = Tables;
        Map(machine.Memory, 0x40_0000, Pages, Present | Writable | User);
        Map(machine.Memory, 0x40_1000, Pages + 0x5000, Present | Writable | User);
        Map(machine.Memory, 0x40_2000, Pages + 0x6000, Present | User);
        return machine;
    }

    [Fact]
    public void Accesses_set_accessed_and_dirty()
    {
        using var machine = Machine(a =>
        {
            a.mov(rax, __qword_ptr[0x40_0010]);
            a.mov(__qword_ptr[0x40_0018], rax);
        });
        machine.Memory.WriteUInt64(GuestMemory.WindowStart + Pages + 0x10, 99);
        machine.Cpu.Step();
        Assert.Equal(Accessed, machine.Memory.ReadUInt64(Entry(0x40_0000)) & (Accessed | Dirty));
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(Accessed | Dirty, machine.Memory.ReadUInt64(Entry(0x40_0000)) & (Accessed | Dirty));
        Assert.Equal(99UL, machine.Memory.ReadUInt64(GuestMemory.WindowStart + Pages + 0x18));
    }

    [Fact]
    public void An_access_may_cross_pages_that_are_not_neighbours()
    {
        using var machine = Machine(a =>
        {
            a.add(__qword_ptr[rbx], rax);
            a.mov(rcx, __qword_ptr[rbx]);
        });
        (machine.Cpu.Rbx, machine.Cpu.Rax) = (0x40_0FFD, 0x1122334455667788);
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(0x1122334455667788UL, machine.Cpu.Rcx);
        Assert.Equal(0x8877u, (uint)(machine.Memory.ReadUInt16(GuestMemory.WindowStart + Pages + 0xFFD) << 8 >> 8 == 0x7788 ? 0x8877 : 0));
        Assert.Equal(0x1122334455UL, machine.Memory.ReadUInt64(GuestMemory.WindowStart + Pages + 0x5000));
    }

    [Theory]
    [InlineData(0x40_0003UL, 0x1ffdUL)]
    [InlineData(0x40_0ff0UL, 0x1010UL)]
    [InlineData(0x40_1ffeUL, 2UL)]
    public void A_repeated_copy_goes_on_page_by_page_and_stops_at_the_one_that_it_may_not_write(ulong to, ulong expected)
    {
        using var machine = Machine(a => a.rep.movsb());
        const ulong source = GuestMemory.WindowStart + 0x600_0001;
        var bytes = new byte[0x3000];
        new Random(1).NextBytes(bytes);
        bytes.CopyTo(machine.Memory.Span(source, bytes.Length));
        machine.Memory.SetAccess(source & ~7UL, 0x4000, Shadow.Accessible);
        (machine.Cpu.Rsi, machine.Cpu.Rdi, machine.Cpu.Rcx) = (source, to, 0x3000);
        var exit = machine.Run();
        Assert.Equal((CpuVector.PageFault, PageFaultError.Write | PageFaultError.Present), (exit.Vector, (PageFaultError)exit.ErrorCode));
        Assert.Equal((0x40_2000UL, 0x40_2000UL, source + expected, 0x3000 - expected), (machine.Cpu.Cr2, machine.Cpu.Rdi, machine.Cpu.Rsi, machine.Cpu.Rcx));
        for (ulong i = 0; i < expected; i++)
        {
            var at = to + i;
            Assert.Equal(bytes[i], machine.Memory.ReadByte(GuestMemory.WindowStart + (at < 0x40_1000 ? Pages + (at & 0xfff) : Pages + 0x5000 + (at & 0xfff))));
        }

        (machine.Cpu.Rsi, machine.Cpu.Rdi, machine.Cpu.Rcx) = (to, source, expected); // and back
        machine.Memory.Clear(source, 0x3000);
        machine.Cpu.Rip = TestMachine.Code;
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(bytes.AsSpan(0, (int)expected), machine.Memory.Span(source, (int)expected));
    }

    [Fact]
    public void A_repeated_copy_to_what_lies_just_behind_repeats_a_pattern_and_a_repeated_store_fills()
    {
        using var machine = Machine(a =>
        {
            a.rep.movsw();
            a.mov(rdi, 0x40_0fe1);
            a.mov(rcx, 0x20);
            a.rep.stosq();
        });
        machine.Memory.WriteUInt32(GuestMemory.WindowStart + Pages, 0x44332211);
        (machine.Cpu.Rsi, machine.Cpu.Rdi, machine.Cpu.Rcx, machine.Cpu.Rax) = (0x40_0000, 0x40_0004, 6, 0x0807060504030201);
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(0x4433221144332211UL, machine.Memory.ReadUInt64(GuestMemory.WindowStart + Pages + 8));
        Assert.Equal(0x40_0fe1UL + 0x100, machine.Cpu.Rdi);
        Assert.Equal(0x0706050403020108UL, machine.Memory.ReadUInt64(GuestMemory.WindowStart + Pages + 0xff0));
        Assert.Equal(0x0807060504030201UL, machine.Memory.ReadUInt64(GuestMemory.WindowStart + Pages + 0x5001));
    }

    [Fact]
    public void With_SMAP_the_kernel_reaches_users_memory_only_between_stac_and_clac()
    {
        const ulong smap = 1 << 21;
        using var machine = Machine(a =>
        {
            a.stac();
            a.mov(rax, __qword_ptr[0x40_0010]);
            a.rep.movsb();
            a.clac();
            a.mov(rbx, __qword_ptr[0x40_0010]);
        });
        machine.Memory.WriteUInt64(GuestMemory.WindowStart + Pages + 0x10, 99);
        machine.Cpu.Cr4 |= smap;
        (machine.Cpu.Rsi, machine.Cpu.Rdi, machine.Cpu.Rcx) = (0x40_0010, 0x40_1000, 0x10);
        var exit = machine.Run();
        Assert.Equal((CpuVector.PageFault, PageFaultError.Present, 0x40_0010UL), (exit.Vector, (PageFaultError)exit.ErrorCode, exit.Address));
        Assert.Equal((99UL, 0UL), (machine.Cpu.Rax, machine.Cpu.Rcx));
        Assert.False(machine.Cpu.AlignmentCheckFlag);
        Assert.Equal(CpuExitKind.Budget, machine.Cpu.StepIgnoringSmap().Kind);
        Assert.Equal(99UL, machine.Cpu.Rbx);
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
    }

    [Fact]
    public void Errors_say_why()
    {
        using var machine = Machine(a => a.mov(__qword_ptr[rbx], rax));
        foreach (var (address, expected) in new[]
        {
            (0x40_3000UL, PageFaultError.Write), (0x40_2000UL, PageFaultError.Write | PageFaultError.Present),
            (0x40_2FFDUL, PageFaultError.Write | PageFaultError.Present), (0x40_1FFDUL, PageFaultError.Write | PageFaultError.Present),
            (0x7FFF_FFFF_0000UL, PageFaultError.Write),
        })
        {
            machine.Reset();
            machine.Cpu.Rbx = address;
            var exit = machine.Run();
            Assert.Equal((CpuVector.PageFault, expected), (exit.Vector, (PageFaultError)exit.ErrorCode));
            Assert.Equal(address == 0x40_1FFD ? 0x40_2000 : address, exit.Address);
            Assert.Equal(exit.Address, machine.Cpu.Cr2);
        }
    }

    [Fact]
    public void Translations_are_forgotten_by_INVLPG_and_by_CR3()
    {
        using var machine = Machine(a =>
        {
            a.mov(rax, __qword_ptr[0x40_0000]);
            a.mov(rcx, __qword_ptr[0x40_0000]);
        });
        machine.Cpu.Step();
        machine.Memory.WriteUInt64(GuestMemory.WindowStart + Pages + 0x7000, 5);
        Map(machine.Memory, 0x40_0000, Pages + 0x7000, Present | User);
        machine.Cpu.Cr3 = Tables;
        machine.Run();
        Assert.Equal((0UL, 5UL), (machine.Cpu.Rax, machine.Cpu.Rcx));
    }

    [Fact]
    public void Large_pages_are_found()
    {
        using var machine = Machine(a => a.mov(rax, __qword_ptr[0x61_2340]));
        machine.Memory.WriteUInt64(GuestMemory.WindowStart + Tables + 0x2000 + (0x60_0000 >> 21) * 8, 0x60_0000 | Present | Large);
        machine.Memory.WriteUInt64(GuestMemory.WindowStart + 0x61_2340, 12);
        machine.Run();
        Assert.Equal(12UL, machine.Cpu.Rax);
    }
}
