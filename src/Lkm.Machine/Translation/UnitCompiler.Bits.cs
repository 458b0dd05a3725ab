using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// Shifts, rotations, single bits.
internal sealed unsafe partial class UnitCompiler
{
    private void EmitShift(in Instruction i, uint kind, OpCode code)
    {
        var size = i.Op0Register.GetSize();
        var count = NativeForms.Count(i);
        var a = CopyIfNeeded(RegisterOperand(i.Op0Register));
        Load(a, size);
        LoadInt(count);
        _il.Emit(code);
        var result = StoreResult(i, null, size);
        SetResult(kind, size, a, Value.Of(count), result);
    }

    // Changes carry and overflow; the rest of the flags stays below.
    private void EmitRotate(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var count = NativeForms.Count(i);
        Load(RegisterOperand(i.Op0Register), size);
        LoadInt(i.Mnemonic == Mnemonic.Rol ? count : 8 * size - count);
        _il.Emit(OpCodes.Call, size == 8 ? Helpers.RotateLeft8 : Helpers.RotateLeft4);
        StoreOperand(i.Op0Register, size);
        Overlay((i.Mnemonic == Mnemonic.Rol ? Flags.RotateLeft : Flags.RotateRight) | ((uint)size << 12), RegisterOperand(i.Op0Register));
    }

    private void Overlay(uint overlay, Value value)
    {
        if (!FlagsAreNeeded)
            return;
        if (_flags.Cases != null)
            SaveFlags();
        SetFlags(_flags with { IsRecorded = false, Overlay = overlay, Over = value });
    }

    // The carry becomes a bit, which may change then.
    private void EmitBitTest(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        if (FlagsAreNeeded)
            SetCarryToBit(i, size);
        if (i.Mnemonic == Mnemonic.Bt)
            return;
        var mask = Temporary();
        LoadConstant(1);
        LoadBitNumber(i, size);
        _il.Emit(OpCodes.Shl);
        StoreLocal(mask);
        Load(RegisterOperand(i.Op0Register), 8);
        LoadLocal(mask);
        if (i.Mnemonic == Mnemonic.Btr)
            _il.Emit(OpCodes.Not);
        _il.Emit(i.Mnemonic switch
        {
            Mnemonic.Bts => OpCodes.Or,
            Mnemonic.Btr => OpCodes.And,
            _ => OpCodes.Xor,
        });
        if (size == 4)
            _il.Emit(OpCodes.Conv_I4);
        StoreOperand(i.Op0Register, size);
    }

    private void LoadBitNumber(in Instruction i, int size)
    {
        if (i.Op1Kind == OpKind.Register)
        {
            LoadRegister(Liveness.Number(i.Op1Register));
            _il.Emit(OpCodes.Conv_I4);
        }
        else
        {
            LoadInt(i.Immediate8);
        }
        LoadInt(8 * size - 1);
        _il.Emit(OpCodes.And);
    }

    private void SetCarryToBit(in Instruction i, int size)
    {
        if (_flags.Cases != null)
            SaveFlags();
        if (_flags.Overlay != 0)
        {
            SaveFlags(); // the carry of a rotation goes, its overflow stays: that has no form here
            LoadRecordAddress();
            _il.Emit(OpCodes.Call, Helpers.Flatten);
            SetFlags(FlagState.Recorded);
        }
        else if (_flags is { Kind: 0 })
        {
            LoadRecordAddress();
            _il.Emit(OpCodes.Call, Helpers.Flatten);
        }
        var bit = Temporary();
        Load(RegisterOperand(i.Op0Register), size);
        LoadBitNumber(i, size);
        _il.Emit(OpCodes.Shr_Un);
        _il.Emit(OpCodes.Conv_U8);
        LoadConstant(1);
        _il.Emit(OpCodes.And);
        StoreLocal(bit);
        Overlay(Flags.CarryOnly, Value.Of(bit));
    }

    // BSF, BSR: without a bit the destination stays. TZCNT counts the size then.
    private void EmitScan(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var source = Temporary();
        Load(RegisterOperand(i.Op1Register), size);
        if (size == 4)
            _il.Emit(OpCodes.Conv_U8);
        StoreLocal(source);
        var counts = i.Mnemonic == Mnemonic.Tzcnt;
        if (FlagsAreNeeded)
        {
            SaveFlags();
            LoadRecordAddress();
            LoadLocal(source);
            LoadInt(counts ? 1 : 0);
            _il.Emit(OpCodes.Call, Helpers.Scanned);
        }
        DropFlags();
        var none = _il.DefineLabel();
        if (!counts)
        {
            LoadLocal(source);
            _il.Emit(OpCodes.Brfalse, none);
        }
        LoadLocal(source);
        if (counts && size == 4)
        {
            LoadConstant(1L << 32);
            _il.Emit(OpCodes.Or);
        }
        _il.Emit(OpCodes.Call, i.Mnemonic == Mnemonic.Bsr ? Helpers.Highest : Helpers.Trailing);
        _il.Emit(OpCodes.Conv_U8);
        StoreRegister(Liveness.Number(i.Op0Register));
        _il.MarkLabel(none);
    }

    // By none, the flags stay as they are: they are put into the record, and replaced there.
    private void EmitShiftByRegister(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var (kind, code) = i.Mnemonic switch
        {
            Mnemonic.Shr => (Flags.Shr, OpCodes.Shr_Un),
            Mnemonic.Sar => (Flags.Sar, OpCodes.Shr),
            _ => (Flags.Shl, OpCodes.Shl),
        };
        var a = CopyIfNeeded(RegisterOperand(i.Op0Register));
        var count = Temporary();
        LoadRegister(CpuRecord.Rcx);
        LoadConstant(8 * size - 1);
        _il.Emit(OpCodes.And);
        StoreLocal(count);
        if (FlagsAreNeeded)
            SaveFlags();
        DropFlags();
        Load(a, size);
        LoadLocal(count);
        _il.Emit(OpCodes.Conv_I4);
        _il.Emit(code);
        StoreOperand(i.Op0Register, size);
        if (!FlagsAreNeeded)
            return;
        var none = _il.DefineLabel();
        LoadLocal(count);
        _il.Emit(OpCodes.Brfalse, none);
        StoreRecord(RecordOffset.FlagA, () => LoadWhole(a));
        StoreRecord(RecordOffset.FlagB, () => LoadLocal(count));
        RecordMember(RecordOffset.FlagKind);
        LoadInt((int)(kind | ((uint)size << 4)));
        _il.Emit(OpCodes.Stind_I4);
        _il.MarkLabel(none);
    }
}
