using Iced.Intel;
using Lkm.Machine.Translation;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>
/// No handler leaves a frame on the host's stack: CPUID asks the environment, which looks how deep the stack is.
/// </summary>
public class TailCallTests
{
    [Fact]
    public void No_instruction_uses_stack()
    {
        using var machine = new TestMachine(new TranslationOptions { Engine = Engine.Interpreter });
        var deep = new List<string>();
        var measured = 0;
        foreach (var code in Enum.GetValues<Code>())
        {
            var info = code.ToOpCode();
            if (!info.IsInstruction || !info.Mode64 || info.Encoding is not (EncodingKind.Legacy or EncodingKind.VEX) || info.Mnemonic == Mnemonic.Cpuid)
                continue;
            for (var round = 0; round < 4; round++)
            {
                var random = new Random((int)code * 4 + round);
                if (InstructionForms.Build(code, round % 2 == 1, random) is not { } instruction)
                    continue;
                using var stream = new MemoryStream();
                if (!Encoder.Create(64, new StreamCodeWriter(stream)).TryEncode(instruction, TestMachine.Code, out _, out _))
                    continue;
                var (one, many) = (Depth(machine, stream.ToArray(), 1), Depth(machine, stream.ToArray(), 9));
                if (one == 0 || many == 0)
                    continue; // it does not get that far
                measured++;
                if (one != many)
                    deep.Add($"{instruction}: {(one - many) / 8} bytes each");
            }
        }
        Assert.True(deep.Count == 0, string.Join("\n", deep));
        Assert.True(measured > 1500, $"{measured} measured");
    }

    [Fact]
    public void No_transfer_of_control_uses_stack()
    {
        using var machine = new TestMachine(new TranslationOptions { Engine = Engine.Interpreter });
        var depths = new HashSet<nint>();
        foreach (var rounds in new[] { 1, 2, 500 })
        {
            machine.Load(a =>
            {
                var (top, skip, function, far, last) = (a.CreateLabel(), a.CreateLabel(), a.CreateLabel(), a.CreateLabel(), a.CreateLabel());
                a.mov(ebx, rounds);
                a.Label(ref top);
                a.call(function);
                a.lea(rax, __[function]);
                a.call(rax);
                a.lea(rax, __[far]);
                a.jmp(rax);
                a.Label(ref far);
                a.mov(ecx, 2);
                a.loop(skip);
                a.nop();
                a.Label(ref skip);
                a.mov(r15, rsp);
                a.lea(rsp, __[rbp + 3]); // an unaligned stack takes the slow way
                a.call(function);
                a.push(rax);
                a.pop(rax);
                a.mov(rsp, r15);
                for (var i = 0; i < 60; i++)
                    a.nop(); // past the end of a trace
                a.dec(ebx);
                a.jne(top);
                a.cpuid();
                a.hlt();
                a.Label(ref function);
                a.test(rax, rax);
                a.jp(last);
                a.Label(ref last);
                a.ret();
            });
            machine.Cpu.Rbp = TestMachine.Data + 0x100;
            machine.StackDepth = 0;
            var exit = machine.Run();
            Assert.Equal(CpuExitKind.Halt, exit.Kind);
            depths.Add(machine.StackDepth);
        }
        Assert.Single(depths);
    }

    private static nint Depth(TestMachine machine, byte[] instruction, int times)
    {
        var code = new List<byte>();
        for (var i = 0; i < times; i++)
            code.AddRange(instruction);
        code.AddRange([0x0F, 0xA2, 0xF4]);
        machine.Load([.. code]);
        machine.Cpu.Rbp = TestMachine.Data + 0x400;
        machine.Cpu.Rbx = machine.Cpu.Rsi = machine.Cpu.Rdi = TestMachine.Data + 0x800;
        machine.Cpu.R15 = machine.Cpu.Rcx = 1;
        machine.Cpu.Rflags = 2;
        machine.StackDepth = 0;
        machine.Run(1000);
        machine.Cpu.Privilege = 0;
        return machine.StackDepth;
    }
}
