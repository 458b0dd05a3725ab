using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// The stack, multiplication, conditional instructions.
internal sealed unsafe partial class UnitCompiler
{
    private void EmitMultiply(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var address = AccessIfMemory(i, size, write: false);
        var b = i.OpCount == 3 ? Value.Of((long)i.GetImmediate(2)) : Operand(i, 1, address, size);
        var a = i.OpCount == 3 ? Operand(i, 1, address, size) : RegisterOperand(i.Op0Register);
        var number = Liveness.Number(i.Op0Register);
        if (a.Register == number)
            a = CopyIfNeeded(a);
        if (b.Register == number)
            b = CopyIfNeeded(b);
        Load(a, size);
        Load(b, size);
        _il.Emit(OpCodes.Mul);
        DropFlags();
        StoreOperand(i.Op0Register, size);
        SetResult(Flags.Imul, size, a, b, RegisterValue(number));
    }

    // RDX:RAX = RAX * operand.
    private void EmitWideMultiply(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var (low, high) = (Temporary(), Temporary());
        var b = RegisterOperand(i.Op0Register);
        if (size == 8)
        {
            LoadRegister(CpuRecord.Rax);
            LoadWhole(b);
            _il.Emit(OpCodes.Call, Helpers.HighUnsigned);
            StoreLocal(high);
            LoadRegister(CpuRecord.Rax);
            LoadWhole(b);
            _il.Emit(OpCodes.Mul);
            StoreLocal(low);
        }
        else
        {
            LoadRegister(CpuRecord.Rax);
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
            LoadWhole(b);
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
            _il.Emit(OpCodes.Mul);
            StoreLocal(low);
            LoadLocal(low);
            LoadInt(32);
            _il.Emit(OpCodes.Shr_Un);
            StoreLocal(high);
        }
        DropFlags();
        LoadLocal(low);
        if (size == 4)
            _il.Emit(OpCodes.Conv_I4);
        StoreOperand(size == 8 ? Register.RAX : Register.EAX, size);
        LoadLocal(high);
        StoreRegister(CpuRecord.Rdx);
        if (!FlagsAreNeeded)
            return;
        var overflow = Temporary();
        LoadLocal(high);
        LoadConstant(0);
        _il.Emit(OpCodes.Cgt_Un);
        _il.Emit(OpCodes.Conv_U8);
        StoreLocal(overflow);
        SetResult(Flags.Mul, size, default, Value.Of(overflow), Value.Of(low));
    }

    /// <summary>Pushes 8 bytes; the address of the stack is checked before the value is loaded.</summary>
    private void PushStack(Action value)
    {
        var stack = _options.Frames ? StackAt(-8) : new Location(Address(StackAt(-8)));
        Check(stack, 8, write: true);
        LoadHostAddress(stack);
        value();
        _il.Emit(OpCodes.Stind_I8);
        LoadLocation(stack);
        StoreRegister(CpuRecord.Rsp);
    }

    private void EmitPush(in Instruction i)
    {
        var source = i.Op0Kind switch
        {
            OpKind.Register => RegisterOperand(i.Op0Register),
            OpKind.Memory => Operand(i, 0, Access(i, 8, write: false), 8),
            _ => Value.Of((long)i.GetImmediate(0)),
        };
        PushStack(() => LoadWhole(source));
    }

    private void EmitPop(in Instruction i)
    {
        var value = Temporary();
        var stack = StackAt(0);
        Check(stack, 8, write: false);
        LoadMemory(stack, 8);
        StoreLocal(value);
        LoadLocation(stack.Moved(8));
        StoreRegister(CpuRecord.Rsp);
        LoadLocal(value);
        StoreRegister(Liveness.Number(i.Op0Register));
    }

    private void EmitLeave()
    {
        var value = Temporary();
        var frame = new Location(RegisterLocal(CpuRecord.Rbp));
        Check(frame, 8, write: false);
        LoadMemory(frame, 8);
        StoreLocal(value);
        LoadLocation(frame.Moved(8));
        StoreRegister(CpuRecord.Rsp);
        LoadLocal(value);
        StoreRegister(CpuRecord.Rbp);
    }

    private void EmitSignExtension(in Instruction i)
    {
        LoadRegister(CpuRecord.Rax);
        switch (i.Mnemonic)
        {
            case Mnemonic.Cdqe:
                _il.Emit(OpCodes.Conv_I4);
                _il.Emit(OpCodes.Conv_I8);
                StoreRegister(CpuRecord.Rax);
                break;
            case Mnemonic.Cwde:
                _il.Emit(OpCodes.Conv_I2);
                StoreOperand(Register.EAX, 4);
                break;
            case Mnemonic.Cdq:
                _il.Emit(OpCodes.Conv_I4);
                LoadInt(31);
                _il.Emit(OpCodes.Shr);
                StoreOperand(Register.EDX, 4);
                break;
            default:
                LoadInt(63);
                _il.Emit(OpCodes.Shr);
                StoreRegister(CpuRecord.Rdx);
                break;
        }
    }

    private void EmitSet(in Instruction i)
    {
        var condition = Lowering.Condition(i.ConditionCode);
        var address = AccessIfMemory(i, 1, write: true);
        PrepareCondition(condition);
        if (address != null)
        {
            LoadHostAddress(address.Value);
            LoadTruth(condition);
            _il.Emit(OpCodes.Stind_I1);
            return;
        }
        LoadTruth(condition);
        StoreOperand(i.Op0Register, IsExtendedNext(i.Op0Register) ? 4 : 1);
    }

    // MOVZX of the byte into its own register: then what is above it is zero soon.
    private bool IsExtendedNext(Register part)
    {
        if (_index + 1 >= _blockEnd || part is >= Register.AH and <= Register.BH)
            return false;
        ref var next = ref _region.Instructions[_index + 1];
        return next.Mnemonic == Mnemonic.Movzx && next.Op1Kind == OpKind.Register && next.Op1Register == part
            && next.Op0Register.GetSize() >= 4 && Liveness.Number(next.Op0Register) == Liveness.Number(part);
    }

    // Written as a jump over the move. The upper half of a 32-bit destination is cleared either way.
    private void EmitConditionalMove(in Instruction i)
    {
        var size = i.Op0Register.GetSize();
        var condition = Lowering.Condition(i.ConditionCode);
        var source = Operand(i, 1, AccessIfMemory(i, size, write: false), size);
        var number = Liveness.Number(i.Op0Register);
        var (met, result) = (_il.DefineLabel(), Temporary());
        PrepareCondition(condition);
        Load(source, size);
        if (size == 4)
            _il.Emit(OpCodes.Conv_U8);
        StoreLocal(result);
        BranchIf(condition, met);
        LoadRegister(number);
        if (size == 4)
        {
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
        }
        StoreLocal(result);
        _il.MarkLabel(met);
        LoadLocal(result);
        StoreRegister(number);
    }
}
