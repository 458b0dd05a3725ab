using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>
/// Functions at random that use the stack in all the ways compilers know, and some that they do not: frames with and without a frame pointer, loops
/// with calls in them, addresses of locals, returns that leave the stack pointer elsewhere. Part of the stack may not be accessible.
/// </summary>
internal sealed class GeneratedFrames
{
    private const int Functions = 4;

    private static readonly AssemblerRegister64[] Scratch = [rax, rcx, rdx, rsi, rdi, r8];
    private static readonly AssemblerRegister64[] Saved = [rbx, r12, r13, r14];

    private readonly Random _random;
    private readonly byte[] _code;
    private readonly Label[] _functions = new Label[Functions];

    internal GeneratedFrames(Random random)
    {
        _random = random;
        var a = new Assembler(64);
        for (var n = 0; n < Functions; n++)
            _functions[n] = a.CreateLabel();
        for (var n = 0; n < Functions; n++)
            Function(a, n);
        using var stream = new MemoryStream();
        a.Assemble(new StreamCodeWriter(stream), TestMachine.Code);
        _code = stream.ToArray();
    }

    /// <summary>Puts the code, the registers and the stack into a machine.</summary>
    internal void Place(TestMachine machine, Random random)
    {
        machine.Memory.Clear(TestMachine.Stack - 0x10000, 0x10000);
        machine.Memory.SetAccess(TestMachine.Stack - 0x10000, 0x10000, Shadow.Accessible);
        if (random.Next(3) == 0)
            machine.Memory.SetAccess(TestMachine.Stack - 0x100 - (ulong)random.Next(1, 60) * 8, 8, random.Next(2) == 0 ? Shadow.Freed : (Shadow)4);
        machine.Load(_code);
        for (var r = 0; r < 16; r++)
        {
            if (r != 4) // RSP
                machine.Cpu[r] = (ulong)random.NextInt64();
        }
        if (random.Next(6) == 0)
            machine.Cpu.Rsp -= 4;
        machine.Memory.WriteUInt64(machine.Cpu.Rsp, TestMachine.Done);
        machine.Cpu.Rbp = machine.Cpu.Rsp;
        machine.Cpu.Rflags = 2;
        machine.Cpu.Privilege = 0;
    }

    private void Function(Assembler a, int number)
    {
        a.Label(ref _functions[number]);
        var framed = _random.Next(3) == 0;
        if (framed)
        {
            a.push(rbp);
            a.mov(rbp, rsp);
        }
        var saved = _random.Next(0, Saved.Length + 1);
        for (var n = 0; n < saved; n++)
            a.push(Saved[n]);
        var room = _random.Next(8) switch { 0 => 0, 1 => 4, 2 => 600, var n => 8 * n };
        if (room != 0)
            a.sub(rsp, room);
        Some(a, number, framed);
        if (_random.Next(2) == 0)
        {
            var top = a.CreateLabel();
            a.mov(rbx, _random.Next(2, 6));
            a.push(rbx);
            a.Label(ref top);
            Some(a, number, framed);
            a.sub(__qword_ptr[rsp], 1);
            a.jg(top);
            a.pop(rbx);
        }
        Some(a, number, framed);
        if (framed && _random.Next(2) == 0 && saved == 0)
        {
            a.leave();
        }
        else
        {
            if (_random.Next(2) == 0 && room != 0)
                a.add(rsp, room);
            else if (room != 0)
                a.lea(rsp, __[rsp + room]);
            for (var n = saved - 1; n >= 0; n--)
                a.pop(Saved[n]);
            if (framed)
                a.pop(rbp);
        }
        if (_random.Next(12) == 0)
            a.ret(8);
        else
            a.ret();
    }

    private void Some(Assembler a, int number, bool framed)
    {
        for (var n = _random.Next(0, 5); n > 0; n--)
        {
            var value = Scratch[_random.Next(Scratch.Length)];
            var local = _random.Next(0, 8) * 8 + (_random.Next(6) == 0 ? 3 : 0);
            var slot = framed && _random.Next(2) == 0 ? __qword_ptr[rbp - 8 - local] : __qword_ptr[rsp + local];
            switch (_random.Next(14))
            {
                case 0: a.mov(slot, value); break;
                case 1: a.mov(value, slot); break;
                case 2: a.add(slot, value); break;
                case 3: a.sub(value, slot); break;
                case 4:
                    a.lea(r9, __[rsp + local]);
                    a.mov(__dword_ptr[r9], _random.Next());
                    break;
                case 5 or 6 or 7 when number + 1 < Functions:
                    a.call(_functions[_random.Next(number + 1, Functions)]);
                    break;
                case 8:
                    var skip = a.CreateLabel();
                    a.test(value, _random.Next(1, 16));
                    a.je(skip);
                    a.push(value);
                    a.add(value, 7);
                    a.pop(value);
                    a.Label(ref skip);
                    a.nop();
                    break;
                case 9:
                    a.push(value);
                    a.pop(Scratch[_random.Next(Scratch.Length)]);
                    break;
                case 10:
                    a.cmp(value, rsp);
                    a.setb(cl);
                    break;
                case 11:
                    a.sub(rsp, 16);
                    a.setp(al);
                    a.add(rsp, 16);
                    break;
                case 12 when _random.Next(8) == 0:
                    a.and(rsp, -16);
                    break;
                case 13:
                    a.xchg(__qword_ptr[rsp + local], value);
                    break;
                default:
                    a.bsf(value, value); // a call of the interpreter's step
                    break;
            }
        }
    }
}
