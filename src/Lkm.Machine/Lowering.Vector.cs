using Iced.Intel;

namespace Lkm.Machine;

// SSE and SSE2 as far as kernels use them without saying so in CPUID: moves, logic, integer arithmetic. The handlers choose by
// mnemonic, which is in the upper half of Imm; an 8-bit immediate is in its low byte.
internal sealed unsafe partial class Lowering
{
    private static Flow LowerVector(in Instruction i, Op* o)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Movaps or Mnemonic.Movapd or Mnemonic.Movdqa or Mnemonic.Movntdq or Mnemonic.Movntps or Mnemonic.Movntpd:
                return VectorMove(i, o, 16, aligned: true);
            case Mnemonic.Movups or Mnemonic.Movupd or Mnemonic.Movdqu or Mnemonic.Lddqu:
                return VectorMove(i, o, 16, aligned: false);
            case Mnemonic.Movss:
                return VectorMove(i, o, 4, aligned: false);
            case Mnemonic.Movsd or Mnemonic.Movlps or Mnemonic.Movlpd or Mnemonic.Movhps or Mnemonic.Movhpd:
                return VectorMove(i, o, 8, aligned: false);
            case Mnemonic.Movd or Mnemonic.Movq:
                return VectorMove(i, o, i.Mnemonic == Mnemonic.Movd ? 4 : 8, aligned: false);
            case Mnemonic.Pmovmskb or Mnemonic.Movmskps or Mnemonic.Movmskpd or Mnemonic.Pextrw
                when i.Op0Kind == OpKind.Register && IsXmm(i.Op1Register):
                VectorFields(i, o);
                o->D = General(i.Op0Register, out _, out _);
                o->S = (byte)(i.Op1Register - Register.XMM0);
                o->Handler = (nint)Handlers.VectorToGeneral;
                return Flow.Next;
            case Mnemonic.Pinsrw when IsXmm(i.Op0Register):
                VectorFields(i, o);
                o->D = (byte)(i.Op0Register - Register.XMM0);
                if (i.Op1Kind == OpKind.Memory)
                    VectorMemory(i, o, OpFlags.MemorySource, 2);
                else
                    o->S = General(i.Op1Register, out _, out _);
                o->Handler = (nint)Handlers.VectorInsert;
                return Flow.Next;
            case Mnemonic.Cvtsi2ss or Mnemonic.Cvtsi2sd or Mnemonic.Cvtss2sd or Mnemonic.Cvtsd2ss or Mnemonic.Cvttss2si or Mnemonic.Cvtss2si or Mnemonic.Cvttsd2si
                or Mnemonic.Cvtsd2si or Mnemonic.Ucomiss or Mnemonic.Comiss or Mnemonic.Ucomisd or Mnemonic.Comisd:
                return Scalar(i, o);
            default:
                if (ScalarOperations.IsArithmetic(i.Mnemonic))
                    return Scalar(i, o);
                if (!Handlers.IsVectorOperation(i.Mnemonic) || i.OpCount < 2 || i.Op0Kind != OpKind.Register || !IsXmm(i.Op0Register))
                    return Flow.Unsupported;
                VectorFields(i, o);
                o->D = (byte)(i.Op0Register - Register.XMM0);
                if (i.Op1Kind == OpKind.Memory)
                    VectorMemory(i, o, OpFlags.MemorySource, 16);
                else if (i.Op1Kind == OpKind.Register && IsXmm(i.Op1Register))
                    o->S = (byte)(i.Op1Register - Register.XMM0);
                else if (i.Op1Kind == OpKind.Immediate8)
                    o->Info.Flags |= OpFlags.Immediate;
                else
                    return Flow.Unsupported;
                o->Handler = (nint)Handlers.VectorOf;
                return Flow.Next;
        }
    }

    private static bool IsXmm(Register register) => register is >= Register.XMM0 and <= Register.XMM15;

    private static void VectorFields(in Instruction i, Op* o)
    {
        o->Imm = (ulong)i.Mnemonic << 32;
        if (i.OpCount > 1 && i.GetOpKind(i.OpCount - 1) == OpKind.Immediate8)
            o->Imm |= i.Immediate8;
    }

    private static void VectorMemory(in Instruction i, Op* o, OpFlags place, int size)
    {
        o->Info.Flags |= place;
        o->Info.Size = (byte)size;
        Memory(i, o);
    }

    // One number from another, or from two. The destination is an SSE register or a general one, the source one of these or memory.
    private static Flow Scalar(in Instruction i, Op* o)
    {
        if (i.Op0Kind != OpKind.Register)
            return Flow.Unsupported;
        VectorFields(i, o);
        var ofDoubles = i.Mnemonic is Mnemonic.Cvtsd2ss or Mnemonic.Cvttsd2si or Mnemonic.Cvtsd2si or Mnemonic.Ucomisd or Mnemonic.Comisd or Mnemonic.Addsd
            or Mnemonic.Subsd or Mnemonic.Mulsd or Mnemonic.Divsd or Mnemonic.Minsd or Mnemonic.Maxsd or Mnemonic.Sqrtsd;
        var size = ofDoubles ? 8 : 4;
        if (IsXmm(i.Op0Register))
        {
            o->D = (byte)(i.Op0Register - Register.XMM0);
        }
        else
        {
            o->D = General(i.Op0Register, out var general, out _);
            o->Info.Extra = (byte)general;
        }
        if (i.Op1Kind == OpKind.Memory)
        {
            if (i.Mnemonic is Mnemonic.Cvtsi2ss or Mnemonic.Cvtsi2sd)
                size = i.MemorySize == MemorySize.Int64 ? 8 : 4;
            VectorMemory(i, o, OpFlags.MemorySource, size);
        }
        else if (IsXmm(i.Op1Register))
        {
            o->S = (byte)(i.Op1Register - Register.XMM0);
        }
        else
        {
            o->S = General(i.Op1Register, out size, out _);
        }
        o->Info.Size = (byte)size;
        o->Handler = (nint)Handlers.ScalarOf;
        return Flow.Next;
    }

    // Moves between SSE registers, general registers and memory. Extra: 1 if the address has to be aligned,
    // 2 if the destination is a general register, 4 if the source is one.
    private static Flow VectorMove(in Instruction i, Op* o, int size, bool aligned)
    {
        VectorFields(i, o);
        o->Info.Size = (byte)size;
        o->Info.Extra = (byte)(aligned ? 1 : 0);
        if (i.Op0Kind == OpKind.Register)
        {
            if (IsXmm(i.Op0Register))
                o->D = (byte)(i.Op0Register - Register.XMM0);
            else if (i.Op0Register is >= Register.EAX and <= Register.R15)
                (o->D, o->Info.Extra) = (General(i.Op0Register, out _, out _), 2);
            else
                return Flow.Unsupported;
        }
        else
        {
            VectorMemory(i, o, OpFlags.MemoryDestination, size);
        }
        if (i.Op1Kind == OpKind.Register)
        {
            if (IsXmm(i.Op1Register))
                o->S = (byte)(i.Op1Register - Register.XMM0);
            else if (i.Op1Register is >= Register.EAX and <= Register.R15)
                (o->S, o->Info.Extra) = (General(i.Op1Register, out _, out _), 4);
            else
                return Flow.Unsupported;
        }
        else
        {
            VectorMemory(i, o, OpFlags.MemorySource, size);
        }
        o->Handler = (nint)Handlers.VectorMove;
        return Flow.Next;
    }
}
