using System.Reflection.Emit;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// Flags and conditions, from what set them.
internal sealed unsafe partial class UnitCompiler
{
    /// <summary>How two values are compared.</summary>
    private enum Comparison
    {
        Equal, NotEqual, Below, AboveOrEqual, BelowOrEqual, Above, Less, GreaterOrEqual, LessOrEqual, Greater,
    }

    private const int Overflow = 0, Carry = 2, Zero = 4, CarryOrZero = 6, Sign = 8, Parity = 10, Less = 12, LessOrEqual = 14;

    /// <summary>Puts the flags into the record; what is known of them stays known.</summary>
    private void SaveFlags()
    {
        if (_flags.IsRecorded)
            return;
        if (_flags is { Cases: { } cases, Which: { } which })
        {
            SaveCases(cases, which);
            return;
        }
        if (_flags.Kind != 0)
        {
            StoreRecord(RecordOffset.FlagA, () =>
            {
                if (_flags.Operation is Flags.Logic or Flags.Inc or Flags.Dec or Flags.Mul)
                    LoadWhole(_flags.Result);
                else
                    LoadFirst();
            });
            if (_flags.Operation != Flags.Logic)
                StoreRecord(RecordOffset.FlagB, () => LoadWhole(_flags.Second));
        }
        if (_flags.Overlay != 0)
            StoreRecord(RecordOffset.FlagOverride, () => LoadWhole(_flags.Over));
        RecordMember(RecordOffset.FlagKind);
        LoadKind();
        _il.Emit(OpCodes.Stind_I4);
        _flags = _flags with { IsRecorded = true };
    }

    private void LoadKind()
    {
        if (_flags.Kind == 0) // an overlay over what is in the record
        {
            RecordMember(RecordOffset.FlagKind);
            _il.Emit(OpCodes.Ldind_I4);
            LoadInt(unchecked((int)~Flags.OverrideMask));
            _il.Emit(OpCodes.And);
            LoadInt((int)_flags.Overlay);
            _il.Emit(OpCodes.Or);
            return;
        }
        LoadInt((int)(_flags.Kind | _flags.Overlay));
        if (!_flags.CarryIn.Exists)
            return;
        LoadWhole(_flags.CarryIn); // Add and Sub become Adc and Sbb
        _il.Emit(OpCodes.Conv_I4);
        LoadInt((int)(Flags.Adc - Flags.Add));
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Add);
    }

    private void LoadFirst()
    {
        if (_flags.First.Exists)
        {
            LoadWhole(_flags.First);
            return;
        }
        LoadWhole(_flags.Result);
        LoadWhole(_flags.Second);
        _il.Emit(_flags.Operation == Flags.Add ? OpCodes.Sub : OpCodes.Add);
    }

    /// <summary>Makes sure that a condition can be decided where it is needed, between which and here nothing changes.</summary>
    private void PrepareCondition(int condition)
    {
        if (!IsKnown(condition & ~1))
            SaveFlags();
    }

    // Whether the operands decide it.
    private bool IsKnown(int condition)
    {
        if (_flags.Cases != null)
            return false;
        if (_flags.Kind == 0)
            return condition == Carry && _flags.Overlay == Flags.CarryOnly;
        if (_flags.Overlay != 0 && condition is not (Zero or Sign))
            return condition == Carry && _flags.Overlay == Flags.CarryOnly;
        if (condition is Parity)
            return false;
        return _flags.Operation switch
        {
            Flags.Sub => condition != Overflow && (!_flags.CarryIn.Exists || condition is Zero or Sign),
            Flags.Logic => true,
            Flags.Add => condition is Zero or Sign || (condition == Carry && !_flags.CarryIn.Exists),
            Flags.Inc or Flags.Dec => condition is Zero or Sign or Carry,
            Flags.Mul => condition is Carry or Overflow,
            _ => condition is Zero or Sign && _flags.Result.Exists,
        };
    }

    private void BranchIf(int condition, Label label) => _il.Emit(LoadCondition(condition) switch
    {
        Comparison.Equal => OpCodes.Beq,
        Comparison.NotEqual => OpCodes.Bne_Un,
        Comparison.Below => OpCodes.Blt_Un,
        Comparison.AboveOrEqual => OpCodes.Bge_Un,
        Comparison.BelowOrEqual => OpCodes.Ble_Un,
        Comparison.Above => OpCodes.Bgt_Un,
        Comparison.Less => OpCodes.Blt,
        Comparison.GreaterOrEqual => OpCodes.Bge,
        Comparison.LessOrEqual => OpCodes.Ble,
        _ => OpCodes.Bgt,
    }, label);

    /// <summary>Loads 1 if a condition is met, else 0, as 32 bits.</summary>
    private void LoadTruth(int condition)
    {
        var comparison = LoadCondition(condition);
        var (code, invert) = comparison switch
        {
            Comparison.Equal => (OpCodes.Ceq, false),
            Comparison.NotEqual => (OpCodes.Ceq, true),
            Comparison.Below => (OpCodes.Clt_Un, false),
            Comparison.AboveOrEqual => (OpCodes.Clt_Un, true),
            Comparison.BelowOrEqual => (OpCodes.Cgt_Un, true),
            Comparison.Above => (OpCodes.Cgt_Un, false),
            Comparison.Less => (OpCodes.Clt, false),
            Comparison.GreaterOrEqual => (OpCodes.Clt, true),
            Comparison.LessOrEqual => (OpCodes.Cgt, true),
            _ => (OpCodes.Cgt, false),
        };
        _il.Emit(code);
        if (!invert)
            return;
        LoadInt(0);
        _il.Emit(OpCodes.Ceq);
    }

    // Two values, and how they are compared to know.
    private Comparison LoadCondition(int condition)
    {
        var negated = (condition & 1) != 0;
        condition &= ~1;
        if (!IsKnown(condition))
        {
            LoadRecordAddress();
            LoadInt(condition);
            _il.Emit(OpCodes.Call, Helpers.Test);
            LoadInt(0);
            return Either(Comparison.NotEqual, negated);
        }
        if (condition == Carry && _flags.Overlay == Flags.CarryOnly)
        {
            LoadWhole(_flags.Over);
            _il.Emit(OpCodes.Conv_I4);
            LoadInt(0);
            return Either(Comparison.NotEqual, negated);
        }
        return Either(_flags.Operation switch
        {
            Flags.Sub when !_flags.CarryIn.Exists => LoadDifference(condition),
            Flags.Logic => LoadLogic(condition),
            Flags.Add when condition == Carry => LoadSumCarry(),
            Flags.Inc or Flags.Dec when condition == Carry => LoadFlag(),
            Flags.Mul => LoadFlag(),
            _ => LoadResult(condition),
        }, negated);
    }

    private static Comparison Either(Comparison comparison, bool negated) => negated ? (Comparison)((int)comparison ^ 1) : comparison;

    private Comparison LoadDifference(int condition)
    {
        var size = _flags.Size;
        if (_flags.Result.Exists && condition is Zero or Sign)
            return LoadResult(condition);
        if (condition == Sign)
        {
            LoadWhole(_flags.First);
            LoadWhole(_flags.Second);
            _il.Emit(OpCodes.Sub);
            Narrow(size, signed: true);
            LoadSized(0, size, true);
            return Comparison.Less;
        }
        var signed = condition is Less or LessOrEqual;
        if (_flags.First.Exists)
        {
            Load(_flags.First, size, signed);
        }
        else
        {
            LoadFirst();
            Narrow(size, signed);
        }
        Load(_flags.Second, size, signed);
        return condition switch
        {
            Zero => Comparison.Equal,
            Carry => Comparison.Below,
            CarryOrZero => Comparison.BelowOrEqual,
            Less => Comparison.Less,
            _ => Comparison.LessOrEqual,
        };
    }

    // Neither carry nor overflow: the sign decides.
    private Comparison LoadLogic(int condition)
    {
        if (condition is Carry or Overflow)
        {
            LoadInt(0);
            LoadInt(0);
            return Comparison.NotEqual;
        }
        return LoadResult(condition switch
        {
            CarryOrZero => Zero,
            Less => Sign,
            _ => condition,
        });
    }

    private Comparison LoadResult(int condition)
    {
        Load(_flags.Result, _flags.Size, signed: true);
        LoadSized(0, _flags.Size, signed: true);
        return condition switch
        {
            Zero => Comparison.Equal,
            Sign => Comparison.Less,
            _ => Comparison.LessOrEqual,
        };
    }

    private Comparison LoadSumCarry()
    {
        Load(_flags.Result, _flags.Size);
        Load(_flags.Second, _flags.Size);
        return Comparison.Below;
    }

    private Comparison LoadFlag()
    {
        LoadWhole(_flags.Second);
        LoadConstant(0);
        return Comparison.NotEqual;
    }

    /// <summary>Loads carry as 64 bits.</summary>
    private void LoadCarry()
    {
        LoadTruth(Carry);
        _il.Emit(OpCodes.Conv_U8);
    }
}
