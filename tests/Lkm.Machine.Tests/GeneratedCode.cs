using System.Buffers.Binary;
using Iced.Intel;

namespace Lkm.Machine.Tests;

/// <summary>
/// Functions at random: instructions of every encoding, jumps over some of them, loops that count in memory, calls of each other, directly
/// and through a table. RBP points at the data; nothing else is kept in order, so what the code does is chaos, but the same on every machine.
/// </summary>
internal sealed class GeneratedCode
{
    internal const int Functions = 4;
    internal const ulong Base = TestMachine.Data + 0x400;
    private const int Counter = 0x200, Table = 0x280; // from the base
    private const int MostOfFunction = 0x1000;

    private readonly Random _random;
    private readonly Code[] _pool;
    private readonly List<byte> _bytes = [];

    internal GeneratedCode(Random random, Code[] pool)
    {
        (_random, _pool) = (random, pool);
        for (var function = 0; function < Functions; function++)
        {
            Pad(function * MostOfFunction);
            Body(function);
        }
    }

    internal byte[] Bytes => [.. _bytes];

    /// <summary>Encodings that may stand anywhere: no jumps of their own, no repetition that would take for ever.</summary>
    internal static Code[] Pool() => [.. Enum.GetValues<Code>().Where(code =>
    {
        var info = code.ToOpCode();
        return info.IsInstruction && info.Mode64 && info.Encoding is EncodingKind.Legacy or EncodingKind.VEX
            && new Instruction { Code = code }.FlowControl == FlowControl.Next && !new Instruction { Code = code }.IsStringInstruction
            && info.Mnemonic is not (Mnemonic.Hlt or Mnemonic.Popf or Mnemonic.Popfq or Mnemonic.Enter);
    })];

    /// <summary>Puts code, data and pointers into a machine.</summary>
    internal void Place(TestMachine machine, byte[] data, Random random)
    {
        machine.Memory.Clear(TestMachine.Stack - 0x10000, 0x10000);
        data.CopyTo(machine.Memory.Span(TestMachine.Data, data.Length));
        for (var function = 0; function < Functions; function++)
            machine.Memory.WriteUInt64(Base + Table + (ulong)(8 * function), TestMachine.Code + (ulong)(function * MostOfFunction));
        for (var function = 0; function < Functions; function++)
            machine.Memory.WriteUInt32(Base + Counter + (ulong)(4 * function), (uint)random.Next(1, 12));
        machine.Load(Bytes);
        for (var r = 0; r < 16; r++)
        {
            if (r != 4)
                machine.Cpu[r] = random.Next(3) == 0 ? (ulong)random.Next(256) : (ulong)random.NextInt64();
            machine.Cpu.SetXmm(r, new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()));
        }
        machine.Cpu.Rbp = Base;
        machine.Cpu.R15 = (ulong)random.Next(4);
        machine.Cpu.Rflags = 2;
        machine.Cpu.Privilege = 0;
    }

    private void Body(int function)
    {
        var top = _bytes.Count;
        Some(1, 5);
        for (var part = _random.Next(1, 5); part > 0; part--)
        {
            switch (_random.Next(5))
            {
                case 0 or 1:
                    var at = Jump((byte)(0x80 + _random.Next(16)));
                    Some(1, 5);
                    Patch(at);
                    break;
                case 2 when function + 1 < Functions:
                    _bytes.Add(0xE8); // call another one
                    Word(_random.Next(function + 1, Functions) * MostOfFunction - (_bytes.Count + 4));
                    break;
                case 3 when function + 1 < Functions:
                    _bytes.AddRange([0xFF, 0x95]); // call [rbp + table]
                    Word(Table + 8 * _random.Next(function + 1, Functions));
                    break;
                case 4:
                    var register = (byte)_random.Next(4);
                    _bytes.Add((byte)(0x50 + register)); // push, pop
                    Some(0, 3);
                    _bytes.Add((byte)(0x58 + register));
                    break;
            }
            Some(0, 4);
        }
        _bytes.AddRange([0x83, 0xAD]); // sub dword [rbp + counter], 1
        Word(Counter + 4 * function);
        _bytes.Add(1);
        _bytes.AddRange([0x0F, 0x8F]); // jg top
        Word(top - (_bytes.Count + 4));
        Some(0, 2);
        _bytes.Add(0xC3);
    }

    private void Some(int least, int most)
    {
        for (var n = _random.Next(least, most + 1); n > 0;)
        {
            if (InstructionForms.Build(_pool[_random.Next(_pool.Length)], _random.Next(3) == 0, _random) is not { } instruction)
                continue;
            using var stream = new MemoryStream();
            if (!Encoder.Create(64, new StreamCodeWriter(stream)).TryEncode(instruction, TestMachine.Code, out _, out _))
                continue;
            _bytes.AddRange(stream.ToArray());
            n--;
        }
    }

    private int Jump(byte opcode)
    {
        _bytes.AddRange([0x0F, opcode]);
        Word(0);
        return _bytes.Count;
    }

    private void Patch(int after)
    {
        var distance = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(distance, _bytes.Count - after);
        for (var n = 0; n < 4; n++)
            _bytes[after - 4 + n] = distance[n];
    }

    private void Word(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
    }

    private void Pad(int to)
    {
        while (_bytes.Count < to)
            _bytes.Add(0x90);
    }
}
