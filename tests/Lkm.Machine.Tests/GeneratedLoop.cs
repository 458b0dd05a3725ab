using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>
/// A loop at random that goes through memory with pointers and an index, over granules part of which cannot be accessed, with ways out in
/// the middle; run several times by a loop around it.
/// </summary>
internal sealed class GeneratedLoop
{
    private static readonly AssemblerRegister64[] Pointers = [rsi, rdi, rbx];
    private static readonly AssemblerRegister64[] Values = [rax, rcx, rdx, r8];

    private readonly Random _random;
    private readonly byte[] _code;

    internal GeneratedLoop(Random random)
    {
        _random = random;
        var a = new Assembler(64);
        var (around, top, middle, left, done) = (a.CreateLabel(), a.CreateLabel(), a.CreateLabel(), a.CreateLabel(), a.CreateLabel());
        a.Label(ref around);
        a.mov(rsi, r12);
        a.mov(rdi, r13);
        a.mov(rbx, r14);
        a.mov(r9, r15);
        var rotated = random.Next(4) == 0;
        if (rotated)
            a.jmp(middle);
        a.Label(ref top);
        Some(a, left);
        if (rotated)
            a.Label(ref middle);
        Some(a, left);
        foreach (var pointer in Pointers)
        {
            var step = random.Next(8) switch { 0 => 0, 1 => -8, 2 => 3, 3 => 64, 4 => 4, 5 => 1, 6 => 12, _ => 8 };
            if (step != 0 && random.Next(2) == 0)
                a.add(pointer, step);
            else if (step != 0)
                a.lea(pointer, __[pointer + step]);
        }
        if (random.Next(2) == 0)
        {
            a.sub(r9, 1);
            a.jne(top);
        }
        else
        {
            a.add(r9, random.Next(1, 3));
            a.cmp(r9, random.Next(100, 600));
            a.jb(top);
        }
        a.Label(ref left);
        a.nop();
        a.setl(r10b);
        a.add(r11, r10);
        a.sub(rbp, 1);
        a.jg(around);
        a.Label(ref done);
        a.ret();
        using var stream = new MemoryStream();
        a.Assemble(new StreamCodeWriter(stream), TestMachine.Code);
        _code = stream.ToArray();
    }

    /// <summary>Puts the code, the data and the pointers into a machine.</summary>
    internal void Place(TestMachine machine, Random random)
    {
        var data = new byte[0x1000];
        random.NextBytes(data);
        data.CopyTo(machine.Memory.Span(TestMachine.Data, data.Length));
        machine.Memory.SetAccess(TestMachine.Data, 0x10000, Shadow.Accessible);
        machine.Memory.SetAccess(TestMachine.Data + (ulong)random.Next(0x40, 0x1FF) * 8, 8, random.Next(3) == 0 ? (Shadow)4 : Shadow.Freed);
        machine.Memory.SetAccess(TestMachine.Data + (ulong)random.Next(0x40, 0x1FF) * 8, 64, Shadow.ReadOnly);
        machine.Load(_code);
        for (var r = 0; r < 16; r++)
        {
            if (r != CpuNumber.Rsp)
                machine.Cpu[r] = (ulong)random.Next(1, 400);
        }
        machine.Cpu.R12 = TestMachine.Data + (ulong)random.Next(0x800);
        machine.Cpu.R13 = TestMachine.Data + (ulong)random.Next(0x80) * 8;
        machine.Cpu.R14 = random.Next(20) == 0 ? (ulong)random.NextInt64() : TestMachine.Data + (ulong)random.Next(0x100) * 8;
        machine.Cpu.Rbp = (ulong)random.Next(1, 5);
        machine.Cpu.Rflags = 2;
    }

    private static class CpuNumber
    {
        internal const int Rsp = 4;
    }

    private void Some(Assembler a, Label left)
    {
        for (var n = _random.Next(1, 5); n > 0; n--)
        {
            var (pointer, value, further) = (Pointers[_random.Next(3)], Values[_random.Next(4)], _random.Next(4) == 0 ? _random.Next(-16, 64) : 8 * _random.Next(3));
            switch (_random.Next(16))
            {
                case 0: a.mov(value, __qword_ptr[pointer + further]); break;
                case 1: a.mov(__qword_ptr[pointer + further], value); break;
                case 2: a.movzx(value, __byte_ptr[pointer + further]); break;
                case 3: a.mov(__byte_ptr[pointer + further], al); break;
                case 4: a.add(value, Values[_random.Next(4)]); break;
                case 5: a.xor(value, __qword_ptr[rsp - 64 + 8 * _random.Next(4)]); break;
                case 6: a.mov(__dword_ptr[r12 + r9 * 4 + further], ecx); break;
                case 7: a.add(__dword_ptr[pointer + further], 5); break;
                case 8: a.adc(value, 3); break;
                case 9: a.inc(value); break;
                case 10: a.test(value, 0x3F); a.je(left); break;
                case 11: a.mov(value, __qword_ptr.gs[pointer + further]); break;
                case 12: a.rol(value, (byte)_random.Next(1, 64)); break;
                case 13: a.mov(value, Values[_random.Next(4)]); break;
                case 14: a.cmp(__byte_ptr[pointer + further], al); a.je(left); break;
                default: a.cmp(value, _random.Next(256)); a.je(left); break;
            }
        }
    }
}
