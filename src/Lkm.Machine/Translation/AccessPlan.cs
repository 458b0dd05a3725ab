using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// Which accesses need a check of the shadow. Within a stretch of code that calls nothing the shadow does not change, so accesses at known
/// distances from each other are checked together, at the first of them; if that fails, the interpreter does them one by one.
/// </summary>
internal sealed class AccessPlan
{
    /// <summary>An access at a known distance from a place that has no name but a number.</summary>
    internal readonly record struct Access(Place Place, long Offset, int Size, bool Write);

    /// <summary>A sum of register values: what they were when they got these numbers.</summary>
    internal readonly record struct Place(int Base, int Index, int Scale);

    /// <summary>Accesses that are checked together, in the order in which they happen.</summary>
    internal sealed record Group(Access Leader, List<Access> Members);

    private readonly record struct Known(int Number, long Delta);

    private const int MostMembers = 24;
    private const long Reach = 1024;
    private const int None = -1;

    private readonly Region _region;
    private readonly Liveness _liveness;
    private readonly bool _shared;
    private readonly Dictionary<Block, (Known[] Registers, List<Access> Facts)> _ends = [];
    private readonly Dictionary<(int Instruction, int Ordinal), Group?> _plan = [];
    private int _numbers;

    internal AccessPlan(Region region, Liveness liveness, TranslationOptions options)
    {
        (_region, _liveness, _shared) = (region, liveness, options.SharedChecks);
        if (!_shared)
            return;
        var before = new Dictionary<Block, Block>();
        foreach (var block in region.Blocks)
        {
            if (block.Taken is { IsJoin: false } taken)
                before[taken] = block;
            if (block.Following is { IsJoin: false } following)
                before[following] = block;
        }
        foreach (var block in region.Blocks)
            Plan(block, before.GetValueOrDefault(block));
    }

    /// <summary>
    /// What is to be checked at an access of an instruction: nothing (false), only itself (null), or a group.
    /// </summary>
    internal bool Needs(int instruction, int ordinal, out Group? group)
    {
        group = null;
        return !_shared || _plan.TryGetValue((instruction, ordinal), out group);
    }

    private void Plan(Block block, Block? before)
    {
        Known[] registers;
        List<Access> facts;
        if (before != null && _ends.TryGetValue(before, out var end))
        {
            registers = [.. end.Registers];
            facts = [.. end.Facts];
        }
        else
        {
            registers = new Known[16];
            for (var r = 0; r < 16; r++)
                registers[r] = new Known(_numbers++, 0);
            facts = [];
        }
        var accesses = new List<(int Instruction, int Ordinal, Access Access)>();
        for (var i = block.First; i < block.End; i++)
        {
            if (!_liveness.Native[i])
            {
                Decide(accesses, facts);
                accesses.Clear();
                facts.Clear();
            }
            else
            {
                Collect(i, registers, accesses);
            }
            Follow(i, registers);
        }
        Decide(accesses, facts);
        _ends[block] = (registers, facts);
    }

    private void Decide(List<(int Instruction, int Ordinal, Access Access)> accesses, List<Access> facts)
    {
        for (var n = 0; n < accesses.Count; n++)
        {
            var (instruction, ordinal, leader) = accesses[n];
            if (IsCovered(leader, facts))
                continue;
            var members = new List<Access> { leader };
            for (var later = n + 1; later < accesses.Count && members.Count < MostMembers; later++)
            {
                var access = accesses[later].Access;
                if (access.Place == leader.Place && Math.Abs(access.Offset - leader.Offset) < Reach && !IsCovered(access, facts) && !IsCovered(access, members))
                    members.Add(access);
            }
            facts.AddRange(members);
            _plan[(instruction, ordinal)] = members.Count > 1 ? new Group(leader, members) : null;
        }
    }

    private static bool IsCovered(Access access, List<Access> by)
    {
        foreach (var fact in by)
        {
            if (fact.Place == access.Place && (fact.Write || !access.Write) && fact.Offset <= access.Offset
                && access.Offset + access.Size <= fact.Offset + fact.Size)
                return true;
        }
        return false;
    }

    // The accesses of an instruction in the order in which they are checked: the memory operand, then the stack.
    private void Collect(int i, Known[] registers, List<(int, int, Access)> accesses)
    {
        ref var instruction = ref _region.Instructions[i];
        var ordinal = 0;
        var operand = NativeForms.MemoryOperand(instruction);
        if (operand >= 0 && NativeForms.TouchesMemory(instruction))
            accesses.Add((i, ordinal++, OperandOf(instruction, operand, registers)));
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

    private Access OperandOf(in Instruction i, int operand, Known[] registers)
    {
        var size = i.Mnemonic is Mnemonic.Call or Mnemonic.Jmp or Mnemonic.Push ? 8 : i.MemorySize.GetSize();
        var write = operand == 0 && i.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Push or Mnemonic.Call or Mnemonic.Jmp);
        if (i.MemorySegment is Register.FS or Register.GS || i.MemoryBase.GetSize() == 4 || i.MemoryIndex.GetSize() == 4)
            return new Access(new Place(_numbers++, None, 0), 0, size, write); // like no other
        var offset = (long)i.MemoryDisplacement64;
        var (based, indexed) = (Liveness.Number(i.MemoryBase), Liveness.Number(i.MemoryIndex));
        var (first, second) = (None, None);
        if (based >= 0)
            (first, offset) = (registers[based].Number, offset + registers[based].Delta);
        if (indexed >= 0)
            (second, offset) = (registers[indexed].Number, offset + registers[indexed].Delta * i.MemoryIndexScale);
        return new Access(new Place(first, second, indexed >= 0 ? i.MemoryIndexScale : 0), offset, size, write);
    }

    // What an instruction does to what is known of the registers.
    private void Follow(int i, Known[] registers)
    {
        ref var instruction = ref _region.Instructions[i];
        var changed = _liveness.Defines[i];
        var to = instruction.Op0Kind == OpKind.Register && instruction.Op0Register is >= Register.RAX and <= Register.R15
            ? Liveness.Number(instruction.Op0Register) : -1;
        Known? value = (instruction.Mnemonic, instruction.Op1Kind) switch
        {
            (Mnemonic.Push or Mnemonic.Call, _) => registers[to = CpuRecord.Rsp] with { Delta = registers[CpuRecord.Rsp].Delta - 8 },
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
                registers[r] = new Known(_numbers++, 0);
        }
        if (instruction.Mnemonic == Mnemonic.Pop && _liveness.Native[i] && to != CpuRecord.Rsp)
            registers[CpuRecord.Rsp] = Moved(stack, 8);
        if (value is { } known)
            registers[to] = known;

        static Known Moved(Known known, long by) => known with { Delta = known.Delta + by };
    }
}
