using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// Flags where ways meet. Usually nobody reads them there; but an access may leave the method before they are set again, and then they are those
// of the way taken. So what the flags are on each way is remembered, and a way only says which it is, by a variable: the operands stay where they are.
internal sealed unsafe partial class UnitCompiler
{
    private const int MostCases = 8, Deepest = 2;

    /// <summary>A place where ways meet, with what the flags are on each.</summary>
    private sealed class Meeting(LocalBuilder which)
    {
        internal readonly LocalBuilder Which = which;
        internal readonly List<FlagState> Cases = [FlagState.Recorded];
        internal int Arrived;
        internal bool AnyRecorded;

        /// <summary>The state there. When the block is written, there are no new cases any more.</summary>
        internal FlagState? State;
    }

    private readonly Dictionary<Block, Meeting> _meetings = [];
    private readonly Dictionary<Block, List<Block>> _before;

    private bool NeedsFlags(Block block) => block.FlagsIn || !_options.DeadFlags;

    private Meeting MeetingAt(Block block)
    {
        if (!_meetings.TryGetValue(block, out var meeting))
            _meetings.Add(block, meeting = new Meeting(_il.DeclareLocal(typeof(int))));
        return meeting;
    }

    /// <summary>The flags where a block with several before it begins.</summary>
    private FlagState FlagsAt(Block block)
    {
        if (!NeedsFlags(block) || !_options.FlagsAtJoins)
            return FlagState.Recorded;
        var meeting = MeetingAt(block);
        if (meeting.State != null)
            return meeting.State;
        var simple = meeting.Arrived == block.Predecessors && !meeting.AnyRecorded && !block.IsEntry && !block.FollowsCall && !block.LeavesCycle
            && !_cycles.ContainsKey(block);
        if (simple && meeting.Cases.Count == 2)
            return meeting.State = meeting.Cases[1];
        foreach (var later in _region.Blocks)
        {
            if (later.First >= block.First && (later.Taken == block || later.Following == block) && Predict(later) is { } state)
                CaseOf(meeting, state);
        }
        return meeting.State = meeting.Cases.Count == 1 ? FlagState.Recorded : new FlagState { Which = meeting.Which, Cases = [.. meeting.Cases] };
    }

    /// <summary>Says beforehand that control will come to a block with the flags as they are.</summary>
    private void AnnounceFlags(Block block)
    {
        if (!NeedsFlags(block) || !_options.FlagsAtJoins)
            return;
        var meeting = MeetingAt(block);
        meeting.Arrived++;
        meeting.AnyRecorded |= CaseOf(meeting, _flags) == 0;
    }

    /// <summary>Puts the flags where a block with several before it looks for them.</summary>
    private void SettleFlags(Block block)
    {
        if (!NeedsFlags(block))
            return;
        if (!_options.FlagsAtJoins)
        {
            SaveFlags();
            return;
        }
        var meeting = MeetingAt(block);
        if (meeting.State == _flags)
            return;
        meeting.Arrived++;
        var number = CaseOf(meeting, _flags);
        if (number == 0 && (number = meeting.Cases.FindIndex(Fits)) > 0)
            Supply(meeting.Cases[number]);
        number = Math.Max(number, 0);
        if (number == 0)
        {
            meeting.AnyRecorded = true;
            SaveFlags();
        }
        LoadInt(number);
        StoreLocal(meeting.Which);
    }

    // The number of a state among the cases, to which it is added if that is still possible; 0 if it has to be recorded.
    private static int CaseOf(Meeting meeting, FlagState state)
    {
        if (state.IsRecorded)
            return 0;
        var number = meeting.Cases.IndexOf(state);
        if (number > 0)
            return number;
        if (meeting.State != null || meeting.Cases.Count == MostCases || state.Depth == Deepest)
            return 0;
        meeting.Cases.Add(state);
        return meeting.Cases.Count - 1;
    }

    // Whether the flags are a case but for values that are to be put into its variables.
    private bool Fits(FlagState expected)
    {
        return _flags.Kind != 0 && _flags.Kind == expected.Kind && _flags.Overlay == 0 && expected.Overlay == 0 && _flags.Cases == null
            && !_flags.IsRecorded && !_flags.CarryIn.Exists && !expected.CarryIn.Exists
            && Fits(expected.First, _flags.First) && Fits(expected.Second, _flags.Second) && Fits(expected.Result, _flags.Result);

        bool Fits(Value expected, Value actual) => expected.Exists == actual.Exists
            && (!expected.Exists || expected == actual || (expected.Local != null && expected.Register < 0 && !_flags.Mentions(expected.Local)));
    }

    private void Supply(FlagState expected)
    {
        Supply(expected.First, _flags.First);
        Supply(expected.Second, _flags.Second);
        Supply(expected.Result, _flags.Result);

        void Supply(Value expected, Value actual)
        {
            if (!expected.Exists || expected == actual)
                return;
            LoadWhole(actual);
            StoreLocal(expected.Local!);
        }
    }

    // Stores the flags of the case that it is.
    private void SaveCases(FlagState[] cases, LocalBuilder which)
    {
        var done = _il.DefineLabel();
        for (var n = 1; n < cases.Length; n++)
        {
            var next = _il.DefineLabel();
            LoadLocal(which);
            LoadInt(n);
            _il.Emit(OpCodes.Bne_Un, next);
            _flags = cases[n];
            SaveFlags();
            _il.Emit(OpCodes.Br, done);
            _il.MarkLabel(next);
        }
        _il.MarkLabel(done);
        _flags = FlagState.Recorded;
    }

    // The flags at the end of a block whose last instruction to change them is a simple one.
    private FlagState? Predict(Block block)
    {
        var (i, changed) = (block.End - 1, 0u);
        for (; ; i--)
        {
            while (i < block.First && !block.IsJoin && _before[block] is [var only])
                (block, i) = (only, only.End - 1);
            if (i < block.First || _region.Instructions[i].RflagsModified != 0)
                break;
            changed |= _liveness.Defines[i];
        }
        if (i < block.First || !_liveness.Native[i] || !NativeForms.SetsAllFlags(_region.Instructions[i]))
            return null;
        ref var instruction = ref _region.Instructions[i];
        var size = SizeOf(instruction, 0);
        var kind = (uint)size << 4;
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Cmp:
                return new FlagState { Kind = kind | Flags.Sub, First = Foreseen(instruction, 0, changed), Second = Foreseen(instruction, 1, changed) };
            case Mnemonic.Test when instruction.Op0Kind == OpKind.Register && instruction.Op1Kind == OpKind.Register
                && instruction.Op0Register == instruction.Op1Register:
                return new FlagState { Kind = kind | Flags.Logic, Result = Foreseen(instruction, 0, changed) };
            case Mnemonic.Test:
                return new FlagState { Kind = kind | Flags.Logic, Result = Anything() };
            case Mnemonic.Add or Mnemonic.Sub when instruction.Op0Kind == OpKind.Register && size >= 4
                && (instruction.Op1Kind != OpKind.Register || instruction.Op0Register != instruction.Op1Register):
                return new FlagState
                {
                    Kind = kind | (instruction.Mnemonic == Mnemonic.Add ? Flags.Add : Flags.Sub),
                    Second = Foreseen(instruction, 1, changed),
                    Result = Foreseen(instruction, 0, changed),
                };
            case Mnemonic.And or Mnemonic.Or or Mnemonic.Xor when instruction.Op0Kind == OpKind.Register && size >= 4:
                return new FlagState { Kind = kind | Flags.Logic, Result = Foreseen(instruction, 0, changed) };
            default:
                return null;
        }
    }

    // A constant, a register that still holds what it did, or a variable that the jump back sets.
    private Value Foreseen(in Instruction i, int n, uint changed)
    {
        switch (i.GetOpKind(n))
        {
            case OpKind.Register:
                var register = i.GetOpRegister(n);
                var number = Liveness.Number(register);
                return register is >= Register.AH and <= Register.BH || (changed >> number & 1) != 0
                    || (number == CpuRecord.Rsp && _options.Frames) ? Anything() : RegisterValue(number);
            case OpKind.Memory:
                return Anything();
            default:
                return Value.Of((long)i.GetImmediate(n));
        }
    }

    private Value Anything() => Value.Of(_il.DeclareLocal(typeof(long)));
}
