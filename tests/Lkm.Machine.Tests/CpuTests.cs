using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Exits, clocks, hooks, faults and changing code.</summary>
public class CpuTests
{
    [Fact]
    public void A_function_runs_and_returns_into_a_hook()
    {
        using var machine = new TestMachine().Load(a =>
        {
            var loop = a.CreateLabel();
            a.mov(ecx, 10);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.add(rax, rcx);
            a.dec(rcx);
            a.jne(loop);
            a.ret();
        });
        var exit = machine.Run();
        Assert.Equal(CpuExitKind.Hook, exit.Kind);
        Assert.Equal(TestMachine.Done, exit.Address);
        Assert.Equal(55UL, machine.Cpu.Rax);
        Assert.Equal(33, machine.Cpu.Instructions);
    }
}
