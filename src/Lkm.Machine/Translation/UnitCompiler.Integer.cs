using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// Integer instructions.
internal sealed unsafe partial class UnitCompiler
{
    private void EmitNative(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov: EmitMove(i); break;
            case Mnemonic.Movzx: EmitExtend(i, signed: false); break;
            case Mnemonic.Movsx or Mnemonic.Movsxd: EmitExtend(i, signed: true); break;
            case Mnemonic.Lea: EmitLea(i); break;
            case Mnemonic.Add: EmitBinary(i, Flags.Add, OpCodes.Add); break;
            case Mnemonic.Sub: EmitBinary(i, Flags.Sub, OpCodes.Sub); break;
            case Mnemonic.And: EmitBinary(i, Flags.Logic, OpCodes.And); break;
            case Mnemonic.Or: EmitBinary(i, Flags.Logic, OpCodes.Or); break;
            case Mnemonic.Xor: EmitBinary(i, Flags.Logic, OpCodes.Xor); break;
            case Mnemonic.Adc: EmitBinary(i, Flags.Add, OpCodes.Add, carry: true); break;
            case Mnemonic.Sbb: EmitBinary(i, Flags.Sub, OpCodes.Sub, carry: true); break;
            case Mnemonic.Cmp: EmitCompare(i); break;
            case Mnemonic.Test: EmitTest(i); break;
            case Mnemonic.Inc: EmitStepByOne(i, Flags.Inc, OpCodes.Add); break;
            case Mnemonic.Dec: EmitStepByOne(i, Flags.Dec, OpCodes.Sub); break;
            case Mnemonic.Neg or Mnemonic.Not: EmitUnary(i); break;
            case Mnemonic.Bswap: EmitSwap(i); break;
            case Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar when NativeForms.IsShiftByRegister(i): EmitShiftByRegister(i); break;
            case Mnemonic.Shl or Mnemonic.Sal: EmitShift(i, Flags.Shl, OpCodes.Shl); break;
            case Mnemonic.Shr: EmitShift(i, Flags.Shr, OpCodes.Shr_Un); break;
            case Mnemonic.Sar: EmitShift(i, Flags.Sar, OpCodes.Shr); break;
            case Mnemonic.Rol or Mnemonic.Ror: EmitRotate(i); break;
            case Mnemonic.Imul: EmitMultiply(i); break;
            case Mnemonic.Mul: EmitWideMultiply(i); break;
            case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc: EmitBitTest(i); break;
            case Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt: EmitScan(i); break;
            case Mnemonic.Xchg: EmitExchange(i); break;
            case Mnemonic.Xadd: EmitExchangeAdd(i); break;
            case Mnemonic.Cmpxchg: EmitCompareExchange(i); break;
            case Mnemonic.Div: EmitDivide(i, signed: false); break;
            case Mnemonic.Idiv: EmitDivide(i, signed: true); break;
            case Mnemonic.Push: EmitPush(i); break;
            case Mnemonic.Pop: EmitPop(i); break;
            case Mnemonic.Leave: EmitLeave(); break;
            case Mnemonic.Cdqe or Mnemonic.Cwde or Mnemonic.Cdq or Mnemonic.Cqo: EmitSignExtension(i); break;
            default:
                if (NativeForms.IsSet(i))
                    EmitSet(i);
                else if (NativeForms.IsConditionalMove(i))
                    EmitConditionalMove(i);
                break; // nothing else but hints
        }
    }

    /// <summary>A general register's low part as a value; what is above its size is rubbish.</summary>
    private Value RegisterOperand(Register register)
    {
        if (register is not (>= Register.AH and <= Register.BH))
            return RegisterValue(Liveness.Number(register));
        var part = Temporary();
        LoadRegister(Liveness.Number(register));
        LoadInt(8);
        _il.Emit(OpCodes.Shr_Un);
        StoreLocal(part);
        return Value.Of(part);
    }

    /// <summary>An operand as a value. A memory operand is read through the address that was checked.</summary>
    private Value Operand(in Instruction i, int n, Location? address, int size)
    {
        switch (i.GetOpKind(n))
        {
            case OpKind.Register:
                return RegisterOperand(i.GetOpRegister(n));
            case OpKind.Memory:
                var value = Temporary();
                LoadMemory(address!.Value, size);
                if (size < 8)
                    _il.Emit(OpCodes.Conv_U8);
                StoreLocal(value);
                return Value.OfExtended(value, size);
            default:
                return Value.Of((long)i.GetImmediate(n));
        }
    }

    private static int SizeOf(in Instruction i, int n) =>
        i.GetOpKind(n) == OpKind.Register ? i.GetOpRegister(n).GetSize() : i.MemorySize.GetSize();

    private Location? AccessIfMemory(in Instruction i, int size, bool write) =>
        NativeForms.MemoryOperand(i) >= 0 ? Access(i, size, write) : null;

    /// <summary>Writes what is on the stack (32 bits, or 64 if the size is 8) to a general register.</summary>
    private void StoreOperand(Register register, int size)
    {
        var number = Liveness.Number(register);
        if (size == 8)
        {
            StoreRegister(number);
            return;
        }
        if (size == 4)
        {
            _il.Emit(OpCodes.Conv_U8);
            StoreRegister(number);
            return;
        }
        var part = Temporary();
        Narrow(size);
        _il.Emit(OpCodes.Conv_U8);
        StoreLocal(part);
        var high = register is >= Register.AH and <= Register.BH;
        LoadRegister(number);
        LoadConstant(high ? ~0xFF00L : size == 1 ? ~0xFFL : ~0xFFFFL);
        _il.Emit(OpCodes.And);
        LoadLocal(part);
        if (high)
        {
            LoadInt(8);
            _il.Emit(OpCodes.Shl);
        }
        _il.Emit(OpCodes.Or);
        StoreRegister(number);
    }

    private void EmitMove(in Instruction i)
    {
        var size = SizeOf(i, 0);
        if (i.Op0Kind == OpKind.Memory)
        {
            var address = Access(i, size, write: true);
            var source = Operand(i, 1, null, size);
            LoadHostAddress(address);
            Load(source, size);
            StoreIndirect(size);
            return;
        }
        if (i.Op1Kind == OpKind.Memory)
            LoadMemory(Access(i, size, write: false), size);
        else
            Load(Operand(i, 1, null, size), size);
        StoreOperand(i.Op0Register, size);
    }

    private void EmitExtend(in Instruction i, bool signed)
    {
        var (to, from) = (SizeOf(i, 0), SizeOf(i, 1));
        if (i.Op1Kind == OpKind.Memory)
            LoadMemory(Access(i, from, write: false), from, signed);
        else
            Load(RegisterOperand(i.Op1Register), from, signed);
        if (to == 8)
            _il.Emit(signed ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
        StoreOperand(i.Op0Register, to);
    }

    private void EmitLea(in Instruction i)
    {
        LoadAddress(i);
        if (i.Op0Register.GetSize() == 4)
            _il.Emit(OpCodes.Conv_I4);
        StoreOperand(i.Op0Register, i.Op0Register.GetSize());
    }

    private void EmitBinary(in Instruction i, uint kind, OpCode code, bool carry = false)
    {
        var size = SizeOf(i, 0);
        var address = AccessIfMemory(i, size, i.Op0Kind == OpKind.Memory);
        var carryIn = default(Value);
        if (carry)
        {
            PrepareCondition(Carry);
            var local = Temporary();
            LoadCarry();
            StoreLocal(local);
            carryIn = Value.Of(local);
        }
        var b = Operand(i, 1, address, size);
        var a = Operand(i, 0, address, size);
        if (FlagsAreNeeded && kind != Flags.Logic && b.Register >= 0 && i.Op0Kind == OpKind.Register && b.Register == Liveness.Number(i.Op0Register))
            b = Copy(b); // is about to be overwritten
        if (kind == Flags.Logic && code == OpCodes.Xor && i.Op0Kind == OpKind.Register && i.Op1Kind == OpKind.Register && i.Op0Register == i.Op1Register)
        {
            LoadSized(0, size, signed: false);
        }
        else
        {
            Load(a, size);
            Load(b, size);
            _il.Emit(code);
            if (carry)
            {
                LoadWhole(carryIn);
                if (size < 8)
                    _il.Emit(OpCodes.Conv_I4);
                _il.Emit(code);
            }
        }
        if (i.Op0Kind == OpKind.Register && a.Register >= 0 && size >= 4)
        {
            if (carry && FlagsAreNeeded)
                a = Copy(a);
            DropFlags();
            StoreOperand(i.Op0Register, size);
            SetResult(kind, size, carry ? a : default, b, a with { Local = RegisterLocal(Liveness.Number(i.Op0Register)), Register = Liveness.Number(i.Op0Register) }, carryIn);
            return;
        }
        if (a.Register >= 0)
            a = CopyIfNeeded(a);
        if (b.Register >= 0 && i.Op0Kind == OpKind.Register && b.Register == Liveness.Number(i.Op0Register))
            b = CopyIfNeeded(b);
        var result = StoreResult(i, address, size);
        SetResult(kind, size, a, b, result, carryIn);
    }

    private Value Copy(Value value)
    {
        var copy = Temporary();
        LoadWhole(value);
        StoreLocal(copy);
        return Value.Of(copy);
    }

    private Value CopyIfNeeded(Value value) => FlagsAreNeeded ? Copy(value) : value;

    /// <summary>Writes the result on the stack to the first operand and keeps it; the flags from before are gone.</summary>
    private Value StoreResult(in Instruction i, Location? address, int size, bool keepsFlags = false)
    {
        var result = Temporary();
        if (size < 8)
            _il.Emit(OpCodes.Conv_U8);
        StoreLocal(result);
        if (!keepsFlags)
            DropFlags();
        if (i.Op0Kind == OpKind.Register)
        {
            Load(Value.Of(result), size);
            StoreOperand(i.Op0Register, size);
        }
        else
        {
            LoadHostAddress(address!.Value);
            Load(Value.Of(result), size);
            StoreIndirect(size);
        }
        return Value.Of(result);
    }

    private void DropFlags() => SetFlags(FlagState.Recorded);

    private void SetResult(uint kind, int size, Value first, Value second, Value result, Value carryIn = default)
    {
        if (!FlagsAreNeeded)
            return;
        if (kind == Flags.Logic)
            (first, second) = (default, default);
        SetFlags(new FlagState { Kind = kind | ((uint)size << 4), First = first, Second = second, Result = result, CarryIn = carryIn });
    }

    private void EmitCompare(in Instruction i)
    {
        var size = SizeOf(i, 0);
        var address = AccessIfMemory(i, size, write: false);
        if (!FlagsAreNeeded)
            return;
        var (a, b) = (Operand(i, 0, address, size), Operand(i, 1, address, size));
        SetResult(Flags.Sub, size, a, b, default);
    }

    private void EmitTest(in Instruction i)
    {
        var size = SizeOf(i, 0);
        var address = AccessIfMemory(i, size, write: false);
        if (!FlagsAreNeeded)
            return;
        var (a, b) = (Operand(i, 0, address, size), Operand(i, 1, address, size));
        if (a != b)
        {
            LoadWhole(a);
            LoadWhole(b);
            _il.Emit(OpCodes.And);
            var both = Temporary();
            StoreLocal(both);
            a = Value.Of(both);
        }
        SetResult(Flags.Logic, size, default, default, a);
    }

    // INC and DEC leave carry alone.
    private void EmitStepByOne(in Instruction i, uint kind, OpCode code)
    {
        var size = SizeOf(i, 0);
        var address = AccessIfMemory(i, size, write: true);
        var carry = default(Value);
        if (FlagsAreNeeded)
        {
            PrepareCondition(Carry);
            var local = Temporary();
            LoadCarry();
            StoreLocal(local);
            carry = Value.Of(local);
        }
        Load(Operand(i, 0, address, size), size);
        LoadSized(1, size, signed: false);
        _il.Emit(code);
        var result = StoreResult(i, address, size);
        SetResult(kind, size, default, carry, result);
    }

    private void EmitUnary(in Instruction i)
    {
        var size = SizeOf(i, 0);
        var negate = i.Mnemonic == Mnemonic.Neg;
        var address = AccessIfMemory(i, size, write: true);
        var a = Operand(i, 0, address, size);
        if (negate && a.Register >= 0)
            a = CopyIfNeeded(a);
        Load(a, size);
        _il.Emit(negate ? OpCodes.Neg : OpCodes.Not);
        var result = StoreResult(i, address, size, keepsFlags: !negate);
        if (negate)
            SetResult(Flags.Sub, size, Value.Of(0), a, result);
    }

    private void EmitSwap(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        Load(RegisterOperand(i.Op0Register), size);
        _il.Emit(OpCodes.Call, size == 8 ? Helpers.Swap8 : Helpers.Swap4);
        StoreOperand(i.Op0Register, size);
    }
}
