using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Instructions of system code, which the host would not let a test execute.</summary>
public class SystemTests
{
    private static TestMachine Run(Action<Assembler> code, Action<Cpu>? prepare = null)
    {
        var machine = new TestMachine().Load(a =>
        {
            code(a);
            a.hlt();
        });
        machine.Cpu.Rbx = TestMachine.Data;
        prepare?.Invoke(machine.Cpu);
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        return machine;
    }

    [Fact]
    public void CLI_and_STI_change_the_interrupt_flag()
    {
        using var on = Run(a => a.sti());
        Assert.True(on.Cpu.InterruptFlag);
        using var off = Run(a => a.cli(), cpu => cpu.InterruptFlag = true);
        Assert.False(off.Cpu.InterruptFlag);
    }

    [Fact]
    public void Ports_go_to_the_environment()
    {
        using var machine = Run(a =>
        {
            a.@in(eax, dx);
            a.@out(0x80, al);
            a.@in(al, 0x61);
            a.@out(dx, ax);
            a.outsb();
            a.insd();
        }, cpu => (cpu.Rdx, cpu.Rsi, cpu.Rdi) = (0x3F8, TestMachine.Data, TestMachine.Data + 8));
        Assert.Equal(["in 3f8 4", "out 80 1 d4", "in 61 1", "out 3f8 2 c3d4", "out 3f8 1 0", "in 3f8 4"], machine.Ports);
        Assert.Equal(0xA1B2C3D4u, machine.Memory.ReadUInt32(TestMachine.Data + 8));
    }

    [Fact]
    public void Model_specific_registers_are_the_processors_or_the_environments()
    {
        using var machine = Run(a =>
        {
            a.mov(ecx, 0xC0000101);
            a.mov(eax, 0x1000);
            a.mov(edx, 0xFFFFFFFC);
            a.wrmsr();
            a.swapgs();
            a.mov(ecx, 0xC0000102);
            a.rdmsr();
            a.mov(r8, rdx);
            a.mov(ecx, 0x10);
            a.rdmsr();
        });
        Assert.Equal((0xFFFF_FFFC_0000_1000UL, 0UL, 0xFFFF_FFFCUL, 0x56789ABCUL), (machine.Cpu.KernelGsBase, machine.Cpu.GsBase, machine.Cpu.R8, machine.Cpu.Rax));
        machine.Load(0x0F, 0x32);
        machine.Cpu.Rcx = 0x999;
        Assert.Equal(CpuVector.GeneralProtection, machine.Run().Vector);
    }

    [Fact]
    public void Segment_bases_are_added()
    {
        using var machine = Run(a =>
        {
            a.mov(rax, __qword_ptr.gs[0x28]);
            a.mov(rcx, __qword_ptr.gs[rbx + 8]);
            a.add(__qword_ptr.gs[rbx + rdx * 8], rcx);
            a.mov(rsi, __qword_ptr.fs[rdx]);
        }, cpu =>
        {
            (cpu.GsBase, cpu.FsBase, cpu.Rbx, cpu.Rdx) = (TestMachine.Data, TestMachine.Data + 0x100, 0x40, 2);
            cpu.Memory.WriteUInt64(TestMachine.Data + 0x28, 1);
            cpu.Memory.WriteUInt64(TestMachine.Data + 0x48, 2);
            cpu.Memory.WriteUInt64(TestMachine.Data + 0x50, 3);
            cpu.Memory.WriteUInt64(TestMachine.Data + 0x102, 4);
        });
        Assert.Equal((1UL, 2UL, 4UL, 5UL), (machine.Cpu.Rax, machine.Cpu.Rcx, machine.Cpu.Rsi, machine.Memory.ReadUInt64(TestMachine.Data + 0x50)));
    }

    [Fact]
    public void IRETQ_takes_the_whole_frame()
    {
        using var machine = new TestMachine().Load(a => a.iretq());
        ulong[] frame = [TestMachine.Done, 0x10, 0x246, TestMachine.Stack - 0x800, 0x18];
        frame.CopyTo(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(machine.Memory.Span(machine.Cpu.Rsp, 40)));
        Assert.Equal(TestMachine.Done, machine.Run().Address);
        Assert.Equal((TestMachine.Stack - 0x800, 0x246UL, true), (machine.Cpu.Rsp, machine.Cpu.Rflags, machine.Cpu.InterruptFlag));
    }

    [Fact]
    public void User_mode_may_not_use_privileged_instructions()
    {
        using var machine = new TestMachine().Load(0xFA);
        machine.Cpu.Privilege = 3;
        Assert.Equal(CpuVector.GeneralProtection, machine.Run().Vector);
    }

    [Fact]
    public void Tables_and_selectors_are_kept()
    {
        using var machine = Run(a =>
        {
            a.lgdt(__[rbx]);
            a.sgdt(__[rbx + 0x20]);
            a.mov(eax, 0x40);
            a.ltr(ax);
            a.str(ecx);
            a.mov(eax, 0x18);
            a.mov(ss, eax);
            a.mov(edx, ss);
            a.mov(rax, cr4);
            a.or(rax, 0x80);
            a.mov(cr4, rax);
        }, cpu =>
        {
            cpu.Memory.WriteUInt16(TestMachine.Data, 0x7F);
            cpu.Memory.WriteUInt64(TestMachine.Data + 2, 0xFFFF_FFFC_1234_5678);
        });
        Assert.Equal((0x7F, 0xFFFF_FFFC_1234_5678UL), (machine.Memory.ReadUInt16(TestMachine.Data + 0x20), machine.Memory.ReadUInt64(TestMachine.Data + 0x22)));
        Assert.Equal((0x40UL, 0x18UL, 0x80UL), (machine.Cpu.Rcx, machine.Cpu.Rdx, machine.Cpu.Cr4));
    }

    [Fact]
    public void FXSAVE_and_FXRSTOR_keep_the_SSE_registers()
    {
        using var machine = Run(a =>
        {
            a.fninit();
            a.fxsave(__[rbx]);
            a.pxor(xmm5, xmm5);
            a.fxrstor(__[rbx]);
            a.stmxcsr(__dword_ptr[rbx + 0x300]);
            a.fnstcw(__word_ptr[rbx + 0x308]);
        }, cpu => cpu.SetXmm(5, new UInt128(7, 9)));
        Assert.Equal((new UInt128(7, 9), 0x1F80u, (ushort)0x37F), (machine.Cpu.GetXmm(5), machine.Memory.ReadUInt32(TestMachine.Data + 0x300), machine.Memory.ReadUInt16(TestMachine.Data + 0x308)));
    }

    [Fact]
    public void The_clock_of_the_environment_counts_instructions_up_to_the_one_that_asks()
    {
        using var machine = Run(a =>
        {
            a.nop();
            a.nop();
            a.rdtsc();
            a.cpuid();
        });
        Assert.Equal((2UL, 0UL, 3UL, 4UL), (machine.Cpu.Rax, machine.Cpu.Rbx, machine.Cpu.Rcx, machine.Cpu.Rdx));
        Assert.Equal(5, machine.Cpu.Instructions);
    }
}
