using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// Flags at the heads of loops. Usually nobody reads them there; but an access may leave the method before they are set again, and
// then they are those of the jump back. What that will be is known beforehand, so going round stores nothing: a variable says whether
// control came from the jump back, with the flags described, or from elsewhere, with the flags in the record.
internal sealed unsafe partial class UnitCompiler
{
    private readonly Dictionary<Block, FlagState?> _loops = [];

    /// <summary>What the flags are at a loop's head when control comes from the jump back; null if that cannot be told.</summary>
    private FlagState? LoopFlags(Block head)
    {
        if (!head.IsLoopHead || !head.FlagsIn || head.FollowsCall || !_options.LoopFlags)
            return null;
        if (!_loops.TryGetValue(head, out var flags))
        {
            var back = _region.Blocks.FindLast(b => b.Taken == head && b.First >= head.First);
            flags = back == null ? null : Predict(back);
            if (flags != null)
                flags = flags with { Unless = _il.DeclareLocal(typeof(int)) };
            _loops.Add(head, flags);
        }
        return flags;
    }

    // The flags at the end of a block whose last instruction to change them is a simple one.
    private FlagState? Predict(Block block)
    {
        var i = block.End - 1;
        while (i >= block.First && _region.Instructions[i].RflagsModified == 0)
            i--;
        if (i < block.First || !_liveness.Native[i] || !NativeForms.SetsAllFlags(_region.Instructions[i]))
            return null;
        ref var instruction = ref _region.Instructions[i];
        var size = SizeOf(instruction, 0);
        var changed = 0u;
        for (var later = i + 1; later < block.End; later++)
            changed |= _liveness.Defines[later];
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
                return register is >= Register.AH and <= Register.BH || (changed >> number & 1) != 0 ? Anything() : RegisterValue(number);
            case OpKind.Memory:
                return Anything();
            default:
                return Value.Of((long)i.GetImmediate(n));
        }
    }

    private Value Anything() => Value.Of(_il.DeclareLocal(typeof(long)));

    /// <summary>Puts the flags where a loop's head looks for them.</summary>
    private void SettleFlags(FlagState expected)
    {
        var (first, second, result) = (expected.First, expected.Second, expected.Result);
        var known = _flags.Kind == expected.Kind && _flags.Overlay == 0 && _flags.Unless == null && !_flags.CarryIn.Exists
            && Fits(first, _flags.First) && Fits(second, _flags.Second) && Fits(result, _flags.Result);
        if (known)
        {
            Supply(first, _flags.First);
            Supply(second, _flags.Second);
            Supply(result, _flags.Result);
        }
        else
        {
            SaveFlags();
        }
        LoadInt(known ? 0 : 1);
        StoreLocal(expected.Unless!);

        static bool Fits(Value expected, Value actual) => expected.Exists == actual.Exists
            && (!expected.Exists || expected == actual || (expected.Local != null && expected.Register < 0));

        void Supply(Value expected, Value actual)
        {
            if (!expected.Exists || expected == actual)
                return;
            LoadWhole(actual);
            StoreLocal(expected.Local!);
        }
    }
}
