using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Iced.Intel;

namespace Lkm.Machine;

// SSE registers. Rare in kernels, so one handler chooses by mnemonic.
internal static unsafe partial class Handlers
{
    internal static Handler VectorOf => &VectorOp;

    internal static Handler VectorMove => &VectorMoveOp;

    internal static Handler VectorToGeneral => &VectorToGeneralOp;

    internal static Handler VectorInsert => &VectorInsertOp;

    private static Mnemonic MnemonicOf(Op* o) => (Mnemonic)(o->Imm >> 32);

    /// <summary>The 16 bytes of the source, which in memory have to be aligned; false with the exit described.</summary>
    private static bool VectorSource(Op* o, CpuRecord* c, byte* m, byte* sh, out Vector128<byte> value)
    {
        value = default;
        if (Is(o, OpFlags.MemorySource))
        {
            var address = Address(o, c);
            if ((address & 15) != 0)
            {
                SetExit(c, CpuExitKind.Exception, CpuVector.GeneralProtection, 0, o->Rip);
                return false;
            }
            var p = Access(c, address, 16, false, m, sh);
            if (p == null)
                return false;
            value = Unsafe.ReadUnaligned<Vector128<byte>>(p);
            return true;
        }
        value = Is(o, OpFlags.Immediate) ? Vector128.CreateScalar((ulong)(byte)o->Imm).AsByte() : c->Xmm[o->S];
        return true;
    }

    private static nint VectorOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!VectorStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool VectorStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!VectorSource(o, c, m, sh, out var b))
            return false;
        c->Xmm[o->D] = VectorOperations.Compute(MnemonicOf(o), c->Xmm[o->D], b, (byte)o->Imm);
        return true;
    }

    internal static bool IsVectorOperation(Mnemonic mnemonic) => VectorOperations.Knows(mnemonic);

    private static nint VectorMoveOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!VectorMoveStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool VectorMoveStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var mnemonic = MnemonicOf(o);
        var high = mnemonic is Mnemonic.Movhps or Mnemonic.Movhpd;
        var address = (o->Info.Flags & (OpFlags.MemorySource | OpFlags.MemoryDestination)) != 0 ? Address(o, c) : 0;
        if (o->Info.Extra == 1 && (address & 15) != 0)
            return Fail(o, c, CpuVector.GeneralProtection, 0);
        if (Is(o, OpFlags.MemoryDestination))
        {
            var p = Access(c, address, size, true, m, sh);
            if (p == null)
                return false;
            var value = c->Xmm[o->S];
            if (size == 16)
                Unsafe.WriteUnaligned(p, value);
            else
                Put(p, size, value.AsUInt64()[high ? 1 : 0]);
            Commit(c);
        }
        else if (Is(o, OpFlags.MemorySource))
        {
            var p = Access(c, address, size, false, m, sh);
            if (p == null)
                return false;
            ref var to = ref c->Xmm[o->D];
            if (size == 16)
                to = Unsafe.ReadUnaligned<Vector128<byte>>(p);
            else if (high)
                to = to.AsUInt64().WithElement(1, Get(p, 8)).AsByte();
            else if (mnemonic is Mnemonic.Movlps or Mnemonic.Movlpd)
                to = to.AsUInt64().WithElement(0, Get(p, 8)).AsByte();
            else
                to = Vector128.CreateScalar(Get(p, size)).AsByte();
        }
        else
        {
            MoveBetweenRegisters(o, c, mnemonic, size);
        }
        return true;
    }

    private static void MoveBetweenRegisters(Op* o, CpuRecord* c, Mnemonic mnemonic, int size)
    {
        if (o->Info.Extra == 2)
        {
            SetRegister(c, o->D, size, false, c->Xmm[o->S].AsUInt64()[0]);
            return;
        }
        ref var to = ref c->Xmm[o->D];
        if (o->Info.Extra == 4)
            to = Vector128.CreateScalar(GetRegister(c, o->S, size, false)).AsByte();
        else if (size == 16)
            to = c->Xmm[o->S];
        else if (mnemonic == Mnemonic.Movq)
            to = Vector128.CreateScalar(c->Xmm[o->S].AsUInt64()[0]).AsByte();
        else if (mnemonic == Mnemonic.Movss)
            to = to.AsUInt32().WithElement(0, c->Xmm[o->S].AsUInt32()[0]).AsByte();
        else
            to = to.AsUInt64().WithElement(0, c->Xmm[o->S].AsUInt64()[0]).AsByte();
    }

    private static nint VectorToGeneralOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!VectorToGeneralStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool VectorToGeneralStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var value = c->Xmm[o->S];
        c->Gpr[o->D] = MnemonicOf(o) switch
        {
            Mnemonic.Pmovmskb => value.ExtractMostSignificantBits(),
            Mnemonic.Movmskps => value.AsUInt32().ExtractMostSignificantBits(),
            Mnemonic.Movmskpd => value.AsUInt64().ExtractMostSignificantBits(),
            _ => value.AsUInt16()[(int)(o->Imm & 7)],
        };
        return true;
    }

    private static nint VectorInsertOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!VectorInsertStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool VectorInsertStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Source(o, c, m, sh, 2, out var value))
            return false;
        ref var to = ref c->Xmm[o->D];
        to = to.AsUInt16().WithElement((int)(o->Imm & 7), (ushort)value).AsByte();
        return true;
    }
}
