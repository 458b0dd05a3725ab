using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Watched memory: every access of it stops the processor, and of nothing else.</summary>
public class WatchTests
{
    [Theory]
    [InlineData(8, true)]
    [InlineData(12, true)]
    [InlineData(0, false)]
    [InlineData(16, false)]
    public void An_access_of_a_watched_granule_stops(int offset, bool stops)
    {
        using var machine = new TestMachine();
        machine.Memory.Watch(TestMachine.Data + 12, 4);
        machine.Load(a =>
        {
            a.mov(rdi, unchecked((long)TestMachine.Data));
            a.mov(__dword_ptr[rdi + offset], 7);
            a.ret();
        });
        var exit = machine.Run();
        Assert.Equal(stops ? CpuExitKind.Exception : CpuExitKind.Hook, exit.Kind);
        if (!stops)
            return;
        Assert.Equal((Shadow.Watched, TestMachine.Data + (ulong)offset, 4, true), (exit.Shadow, exit.Address, exit.Size, exit.Write));
        Assert.Equal(0u, machine.Memory.ReadUInt32(TestMachine.Data + (ulong)offset));
        Assert.Equal(CpuExitKind.Budget, machine.Cpu.StepIgnoringShadow().Kind);
        Assert.Equal(7u, machine.Memory.ReadUInt32(TestMachine.Data + (ulong)offset));
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
    }

    [Fact]
    public void A_watched_granule_keeps_the_state_that_it_is_given()
    {
        using var machine = new TestMachine();
        var memory = machine.Memory;
        memory.Watch(TestMachine.Data, 8);
        Assert.Equal(Shadow.Accessible, memory.ShadowAt(TestMachine.Data));
        Assert.True(memory.IsAccessible(TestMachine.Data, 16, write: true, out _));
        memory.SetAccess(TestMachine.Data - 64, 128, Shadow.Freed);
        Assert.Equal(Shadow.Freed, memory.ShadowAt(TestMachine.Data));
        memory.Allow(TestMachine.Data, 12);
        Assert.False(memory.IsAccessible(TestMachine.Data, 16, write: true, out var bad));
        Assert.Equal(TestMachine.Data + 12, bad);
        machine.Load(a =>
        {
            a.mov(rdi, unchecked((long)TestMachine.Data));
            a.mov(rax, __qword_ptr[rdi]);
            a.ret();
        });
        Assert.Equal(Shadow.Watched, machine.Run().Shadow);
        memory.EndWatches();
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        Assert.Equal(Shadow.Accessible, memory.ShadowAt(TestMachine.Data));
    }

    [Fact]
    public void The_environment_is_told_of_debug_registers()
    {
        using var machine = new TestMachine();
        machine.Load(a =>
        {
            a.mov(rax, 0x1234);
            a.mov(dr3, rax);
            a.mov(rcx, dr3);
            a.ret();
        });
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        Assert.Equal((0x1234UL, 0x1234UL), (machine.Cpu.GetDebug(3), machine.Cpu.Rcx));
        Assert.Equal([(3, 0x1234UL)], machine.DebugWrites);
    }

    [Fact]
    public void Reserved_bits_of_debug_registers_read_as_ones()
    {
        using var machine = new TestMachine();
        machine.Load(a =>
        {
            a.xor(eax, eax);
            a.mov(dr6, rax);
            a.mov(dr7, rax);
            a.mov(rcx, dr6);
            a.mov(rdx, dr7);
            a.ret();
        });
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        Assert.Equal((0xffff0ff0UL, 0x400UL), (machine.Cpu.Rcx, machine.Cpu.Rdx));
    }
}
