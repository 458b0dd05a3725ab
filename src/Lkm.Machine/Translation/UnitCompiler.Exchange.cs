using System.Reflection.Emit;
using Iced.Intel;

namespace Lkm.Machine.Translation;

// Exchanges with memory, which locks and reference counts are made of, and divisions. One processor executes, so all of them are atomic.
internal sealed unsafe partial class UnitCompiler
{
    private void EmitExchange(in Instruction i)
    {
        var size = i.Op1Register.GetSize();
        var address = Access(i, size, write: true);
        var old = Operand(i, 0, address, size);
        LoadHostAddress(address);
        Load(RegisterOperand(i.Op1Register), size);
        StoreIndirect(size);
        Load(old, size);
        StoreOperand(i.Op1Register, size);
    }

    private void EmitExchangeAdd(in Instruction i)
    {
        var size = i.Op1Register.GetSize();
        var address = Access(i, size, write: true);
        var old = Operand(i, 0, address, size);
        var added = Copy(RegisterOperand(i.Op1Register));
        Load(old, size);
        Load(added, size);
        _il.Emit(OpCodes.Add);
        var sum = StoreResult(i, address, size);
        Load(old, size);
        StoreOperand(i.Op1Register, size);
        SetResult(Flags.Add, size, old, added, sum);
    }

    private void EmitCompareExchange(in Instruction i)
    {
        var size = i.Op1Register.GetSize();
        var address = Access(i, size, write: true);
        var old = Operand(i, 0, address, size);
        var expected = Copy(RegisterValue(CpuRecord.Rax));
        var (equal, done) = (_il.DefineLabel(), _il.DefineLabel());
        DropFlags();
        Load(expected, size);
        Load(old, size);
        _il.Emit(OpCodes.Beq, equal);
        Load(old, size);
        StoreOperand(size == 8 ? Register.RAX : Register.EAX, size);
        _il.Emit(OpCodes.Br, done);
        _il.MarkLabel(equal);
        LoadHostAddress(address);
        Load(RegisterOperand(i.Op1Register), size);
        StoreIndirect(size);
        _il.MarkLabel(done);
        SetResult(Flags.Sub, size, expected, old, default);
    }

    // RAX and RDX become quotient and remainder of RDX:RAX. What raises an exception, or takes a dividend of 128 bits, is left to the interpreter.
    private void EmitDivide(in Instruction i, bool signed)
    {
        var size = SizeOf(i, 0);
        var operand = Operand(i, 0, AccessIfMemory(i, size, write: false), size);
        var (dividend, divisor, quotient) = (Temporary(), Temporary(), Temporary());
        var exit = ExitHere();
        Load(operand, size, signed);
        if (size == 4)
            _il.Emit(signed ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
        StoreLocal(divisor);
        LoadRegister(CpuRecord.Rax);
        if (size == 4)
        {
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
            LoadRegister(CpuRecord.Rdx);
            LoadInt(32);
            _il.Emit(OpCodes.Shl);
            _il.Emit(OpCodes.Or);
        }
        StoreLocal(dividend);
        if (signed)
            CheckSignedDivision(size, divisor, exit);
        else
            CheckDivision(size, divisor, exit);
        LoadLocal(dividend);
        LoadLocal(divisor);
        _il.Emit(signed ? OpCodes.Div : OpCodes.Div_Un);
        StoreLocal(quotient);
        if (signed && size == 4)
        {
            LoadLocal(quotient);
            LoadLocal(quotient);
            _il.Emit(OpCodes.Conv_I4);
            _il.Emit(OpCodes.Conv_I8);
            _il.Emit(OpCodes.Bne_Un, exit);
        }
        LoadLocal(dividend);
        LoadLocal(quotient);
        LoadLocal(divisor);
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Sub);
        if (size == 4)
            _il.Emit(OpCodes.Conv_I4);
        StoreOperand(size == 8 ? Register.RDX : Register.EDX, size);
        Load(Value.Of(quotient), size);
        StoreOperand(size == 8 ? Register.RAX : Register.EAX, size);
    }

    // The upper half is less than the divisor; of 128 bits it is zero.
    private void CheckDivision(int size, LocalBuilder divisor, System.Reflection.Emit.Label exit)
    {
        if (size == 8)
        {
            LoadRegister(CpuRecord.Rdx);
            LoadConstant(0);
            _il.Emit(OpCodes.Bne_Un, exit);
        }
        LoadRegister(CpuRecord.Rdx);
        if (size == 4)
        {
            _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Conv_U8);
        }
        LoadLocal(divisor);
        _il.Emit(OpCodes.Bge_Un, exit);
    }

    // By neither 0 nor -1, which may overflow; of 128 bits the upper half is the sign.
    private void CheckSignedDivision(int size, LocalBuilder divisor, System.Reflection.Emit.Label exit)
    {
        LoadLocal(divisor);
        LoadConstant(1);
        _il.Emit(OpCodes.Add);
        LoadConstant(1);
        _il.Emit(OpCodes.Ble_Un, exit);
        if (size == 4)
            return;
        LoadRegister(CpuRecord.Rax);
        LoadInt(63);
        _il.Emit(OpCodes.Shr);
        LoadRegister(CpuRecord.Rdx);
        _il.Emit(OpCodes.Bne_Un, exit);
    }
}
