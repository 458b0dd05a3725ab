using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>An access at a known distance from a place that has no name but a number.</summary>
internal readonly record struct Access(Place Place, long Offset, int Size, bool Write);

/// <summary>A sum of register values: what they were when they got these numbers.</summary>
internal readonly record struct Place(int Base, int Index, int Scale);

/// <summary>What a register holds: the value that got this number, and so much more.</summary>
internal readonly record struct Known(int Number, long Delta);

/// <summary>Follows what is known of addresses from instruction to instruction, by giving numbers to values.</summary>
internal sealed class Addresses(Region region, Liveness liveness)
{
    /// <summary>In a place: no register.</summary>
    internal const int None = -1;

    /// <summary>Registers of which nothing is known: their values have the numbers of the registers.</summary>
    internal static Known[] Unknown() => Numbered(0);

    /// <summary>Registers of which nothing is known at the start of a block.</summary>
    internal Known[] UnknownAt(int block) => Numbered(16 * (block + 1));

    /// <summary>The number of the value that an instruction gives a register.</summary>
    internal int DefinedAt(int i, int register) => (16 * (region.Blocks.Count + 1 + i)) + register;

    private static Known[] Numbered(int first)
    {
        var registers = new Known[16];
        for (var r = 0; r < 16; r++)
            registers[r] = new Known(first + r, 0);
        return registers;
    }

    /// <summary>Adds the accesses of an instruction in the order in which they are checked: the memory operand, then the stack.</summary>
    internal void Collect(int i, Known[] registers, List<(int Instruction, int Ordinal, Access Access)> accesses)
    {
        ref var instruction = ref region.Instructions[i];
        var ordinal = 0;
        var operand = NativeForms.MemoryOperand(instruction);
        if (operand >= 0 && NativeForms.TouchesMemory(instruction))
            accesses.Add((i, ordinal++, OperandOf(instruction, i, operand, registers)));
        var stack = registers[CpuRecord.Rsp];
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Push or Mnemonic.Call:
                accesses.Add((i, ordinal, new Access(new Place(stack.Number, None, 0), stack.Delta - 8, 8, true)));
                break;
            case Mnemonic.Pop or Mnemonic.Ret:
                accesses.Add((i, ordinal, new Access(new Place(stack.Number, None, 0), stack.Delta, 8, false)));
                break;
            case Mnemonic.Leave:
                var frame = registers[CpuRecord.Rbp];
                accesses.Add((i, ordinal, new Access(new Place(frame.Number, None, 0), frame.Delta, 8, false)));
                break;
        }
    }

    private static Access OperandOf(in Instruction i, int at, int operand, Known[] registers)
    {
        var size = i.Mnemonic is Mnemonic.Call or Mnemonic.Jmp or Mnemonic.Push ? 8 : i.MemorySize.GetSize();
        var write = operand == 0 && i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Push or Mnemonic.Call or Mnemonic.Jmp
            or Mnemonic.Div or Mnemonic.Idiv);
        if (i.MemorySegment is Register.FS or Register.GS || i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4)
            return new Access(new Place(None - 1 - at, None, 0), 0, size, write); // like no other
        var offset = (long)i.MemoryDisplacement64;
        var (based, indexed) = (Liveness.Number(i.MemoryBase), Liveness.Number(i.MemoryIndex));
        var (first, second) = (None, None);
        if (based >= 0)
            (first, offset) = (registers[based].Number, offset + registers[based].Delta);
        if (indexed >= 0)
            (second, offset) = (registers[indexed].Number, offset + registers[indexed].Delta * i.MemoryIndexScale);
        return new Access(new Place(first, second, indexed >= 0 ? i.MemoryIndexScale : 0), offset, size, write);
    }

    /// <summary>What an instruction does to what is known of the registers.</summary>
    internal void Follow(int i, Known[] registers)
    {
        ref var instruction = ref region.Instructions[i];
        var changed = liveness.Defines[i];
        var to = instruction.Op0Kind == OpKind.Register && instruction.Op0Register is >= Register.RAX and <= Register.R15
            ? Liveness.Number(instruction.Op0Register) : -1;
        Known? value = !liveness.Native[i] ? null : (instruction.Mnemonic, instruction.Op1Kind) switch
        {
            (Mnemonic.Push or Mnemonic.Call, _) => registers[to = CpuRecord.Rsp] with { Delta = registers[CpuRecord.Rsp].Delta - 8 },
            (Mnemonic.Leave, _) when (to = CpuRecord.Rsp) >= 0 => Moved(registers[CpuRecord.Rbp], 8),
            (Mnemonic.Mov, OpKind.Register) when to >= 0 && Liveness.Number(instruction.Op1Register) is >= 0 and var from => registers[from],
            (Mnemonic.Lea, _) when to >= 0 && instruction.MemoryIndex == Register.None && instruction.MemoryBase is >= Register.RAX and <= Register.R15 =>
                Moved(registers[Liveness.Number(instruction.MemoryBase)], (long)instruction.MemoryDisplacement64),
            (Mnemonic.Add, not (OpKind.Register or OpKind.Memory)) when to >= 0 => Moved(registers[to], (long)instruction.GetImmediate(1)),
            (Mnemonic.Sub, not (OpKind.Register or OpKind.Memory)) when to >= 0 => Moved(registers[to], -(long)instruction.GetImmediate(1)),
            _ => null,
        };
        var stack = registers[CpuRecord.Rsp];
        for (var r = 0; r < 16; r++)
        {
            if ((changed >> r & 1) != 0)
                registers[r] = new Known(DefinedAt(i, r), 0);
        }
        if (instruction.Mnemonic == Mnemonic.Pop && liveness.Native[i] && to != CpuRecord.Rsp)
            registers[CpuRecord.Rsp] = Moved(stack, 8);
        if (instruction.Mnemonic == Mnemonic.Ret)
            registers[CpuRecord.Rsp] = Moved(stack, 8 + (instruction.OpCount > 0 ? instruction.Immediate16 : 0));
        if (value is { } known)
            registers[to] = known;

        static Known Moved(Known known, long by) => known with { Delta = known.Delta + by };
    }
}
