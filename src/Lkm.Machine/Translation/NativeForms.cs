using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>Which instructions the translator writes code of its own for; every other one calls the interpreter's step.</summary>
internal static class NativeForms
{
    internal static bool Has(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov or Mnemonic.Add or Mnemonic.Sub or Mnemonic.And or Mnemonic.Or or Mnemonic.Xor or Mnemonic.Cmp or Mnemonic.Test
                or Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg or Mnemonic.Not:
                return HasGeneralOperands(i);
            case Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd:
                return HasGeneralOperands(i);
            case Mnemonic.Lea or Mnemonic.Bswap:
                return IsWide(i.Op0Register);
            case Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar:
                return i.Op0Kind == OpKind.Register && IsWide(i.Op0Register) && (i.Op1Kind == OpKind.Register || Count(i) != 0);
            case Mnemonic.Rol or Mnemonic.Ror:
                return i.Op0Kind == OpKind.Register && IsWide(i.Op0Register) && i.Op1Kind != OpKind.Register && Count(i) != 0;
            case Mnemonic.Imul:
                return i.OpCount > 1 && IsWide(i.Op0Register);
            case Mnemonic.Mul:
                return i.Op0Kind == OpKind.Register && IsWide(i.Op0Register);
            case Mnemonic.Xchg or Mnemonic.Xadd or Mnemonic.Cmpxchg:
                return i.Op0Kind == OpKind.Memory && IsWide(i.Op1Register);
            case Mnemonic.Div or Mnemonic.Idiv:
                return i.Op0Kind == OpKind.Memory ? i.MemorySize.GetSize() >= 4 : IsWide(i.Op0Register);
            case Mnemonic.Push:
                return i.StackPointerIncrement == -8 && (i.Op0Kind != OpKind.Register || i.Op0Register >= Register.RAX && i.Op0Register <= Register.R15);
            case Mnemonic.Pop:
                return i.StackPointerIncrement == 8 && i.Op0Kind == OpKind.Register && i.Op0Register is >= Register.RAX and <= Register.R15;
            case Mnemonic.Leave:
                return i.Code == Code.Leaveq;
            case Mnemonic.Cdqe or Mnemonic.Cwde or Mnemonic.Cdq or Mnemonic.Cqo:
                return true;
            case Mnemonic.Nop or Mnemonic.Endbr64 or Mnemonic.Pause or Mnemonic.Lfence or Mnemonic.Mfence or Mnemonic.Sfence
                or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1 or Mnemonic.Prefetcht2 or Mnemonic.Prefetchw:
                return true;
            case Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt:
                return i.Op1Kind == OpKind.Register && IsWide(i.Op0Register);
            case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc:
                return i.Op0Kind == OpKind.Register && IsWide(i.Op0Register);
            default:
                return IsSet(i) || IsConditionalMove(i);
        }
    }

    /// <summary>Whether an instruction that has native code reads or writes memory, so that it can fault.</summary>
    internal static bool TouchesMemory(in Instruction i)
    {
        if (i.Mnemonic is Mnemonic.Push or Mnemonic.Pop or Mnemonic.Leave)
            return true;
        return i.Mnemonic is not (Mnemonic.Lea or Mnemonic.Nop or Mnemonic.Prefetchnta or Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1
            or Mnemonic.Prefetcht2 or Mnemonic.Prefetchw) && MemoryOperand(i) >= 0;
    }

    /// <summary>Whether an instruction that has native code may leave it to the interpreter.</summary>
    internal static bool CanLeave(in Instruction i) => i.Mnemonic is Mnemonic.Div or Mnemonic.Idiv || TouchesMemory(i);

    /// <summary>Which operand is in memory, or -1.</summary>
    internal static int MemoryOperand(in Instruction i)
    {
        for (var n = 0; n < i.OpCount; n++)
        {
            if (i.GetOpKind(n) == OpKind.Memory)
                return n;
        }
        return -1;
    }

    /// <summary>
    /// Whether an instruction reaches the board or sets a watchpoint: then the shadow may be another one afterwards, which nobody whose host frame is
    /// on the stack expects.
    /// </summary>
    internal static bool MayChangeShadow(in Instruction i) => i.Mnemonic is Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd
        or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd or Mnemonic.Rdmsr or Mnemonic.Wrmsr or Mnemonic.Cpuid
        || (i.Mnemonic == Mnemonic.Mov && i.Op0Register is >= Register.DR0 and <= Register.DR15);

    /// <summary>Whether nothing of the flags from before survives.</summary>
    internal static bool SetsAllFlags(in Instruction i) => i.Mnemonic is Mnemonic.Add or Mnemonic.Sub or Mnemonic.And or Mnemonic.Or or Mnemonic.Xor
        or Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Neg or Mnemonic.Imul or Mnemonic.Mul or Mnemonic.Xadd or Mnemonic.Cmpxchg
        || (IsShift(i) && !IsShiftByRegister(i));

    /// <summary>Whether an instruction that has native code is a shift by CL: where that is zero, the flags stay.</summary>
    internal static bool IsShiftByRegister(in Instruction i) => IsShift(i) && i.Op1Kind == OpKind.Register;

    private static bool IsShift(in Instruction i) => i.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar;

    /// <summary>The count of a shift by a constant.</summary>
    internal static int Count(in Instruction i) => (int)i.GetImmediate(1) & (i.Op0Register.GetSize() == 8 ? 63 : 31);

    internal static bool IsSet(in Instruction i) => i.Code is >= Code.Seto_rm8 and <= Code.Setg_rm8 && HasGeneralOperands(i);

    internal static bool IsConditionalMove(in Instruction i) =>
        i.Code is >= Code.Cmovo_r16_rm16 and <= Code.Cmovg_r64_rm64 && IsWide(i.Op0Register);

    private static bool IsWide(Register register) => register is >= Register.EAX and <= Register.R15;

    // Neither segment nor control registers.
    private static bool HasGeneralOperands(in Instruction i)
    {
        for (var n = 0; n < i.OpCount; n++)
        {
            if (i.GetOpKind(n) == OpKind.Register && i.GetOpRegister(n) is not (>= Register.AL and <= Register.R15))
                return false;
        }
        return true;
    }
}
