using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// The forms that code is mostly made of. A hot handler that touches memory does so if the shadow plainly allows it, and else
// lets the general form do the whole instruction.
internal static unsafe partial class Handlers
{
    /// <summary>The registers, without the null check that the compiler makes of a fixed array at the start of a record.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong* Gpr(CpuRecord* c) => (ulong*)c;

    // Computes the address after the value: one instruction less.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Put(CpuRecord* c, byte register, ulong value) => Gpr(c)[register] = value;

    /// <summary>Whether all bytes lie in one or two granules that may be read (or written) as a whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsPlain<TSize>(ulong address, byte* sh, bool write)
        where TSize : struct, ISize
    {
        var granule = GuestMemory.GranuleOf(address);
        if (!GuestMemory.InWindow(granule) || !IsPlain(sh + granule, write))
            return false;
        return TSize.Bytes == 1 || (address & 7) <= (ulong)(8 - TSize.Bytes) || IsPlain(sh + granule + 1, write); // behind the last granule the shadow says unmapped
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPlain(byte* state, bool write) => write
        ? *state == (byte)Shadow.Accessible
        : *(sbyte*)state >= (sbyte)Shadow.Accessible; // above the accessible states there is only poison, which is negative

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OperateBody<TOperation, TSize, TForm>(Op* o, CpuRecord* c, byte* p)
        where TOperation : struct, IOperation
        where TSize : struct, ISize
        where TForm : struct, IForm
    {
        var b = TForm.FromImmediate ? o->Imm : TForm.FromMemory ? TSize.Load(p) : Gpr(c)[o->S];
        ulong a = 0;
        if (TOperation.ReadsDestination)
            a = TForm.ToMemory ? TSize.Load(p) : Gpr(c)[o->D];
        var r = TOperation.Do(a, b);
        if (TOperation.Kind == Flags.Logic)
        {
            c->FlagA = r;
            c->FlagKind = Flags.Logic | ((uint)TSize.Bytes << 4);
        }
        else if (TOperation.Kind != Flags.Literal)
        {
            Flags.Set(c, TOperation.Kind | ((uint)TSize.Bytes << 4), a, b);
        }
        if (!TOperation.Writes)
            return;
        if (TForm.ToMemory)
            TSize.Store(p, r);
        else
            Put(c, o->D, TSize.Bytes < 4 && !TOperation.ReadsDestination ? TSize.Merge(Gpr(c)[o->D], r) : TSize.Merge(a, r));
    }

    private static nint Operate<TOperation, TSize, TForm>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TOperation : struct, IOperation
        where TSize : struct, ISize
        where TForm : struct, IForm
    {
        if (TForm.ToMemory || TForm.FromMemory)
        {
            var address = TForm.Address(o, c);
            if (!IsPlain<TSize>(address, sh, TForm.ToMemory && TOperation.Writes))
                return ((Handler)c->General)(o, c, m, sh);
            OperateBody<TOperation, TSize, TForm>(o, c, m + address);
        }
        else
        {
            OperateBody<TOperation, TSize, TForm>(o, c, null);
        }
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // MOVZX and MOVSX: loads of TSize into a register of TTo.
    private static nint Extend<TSize, TTo, TForm, TSigned>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
        where TTo : struct, ISize
        where TForm : struct, IForm
        where TSigned : struct
    {
        ulong value;
        if (TForm.FromMemory)
        {
            var address = TForm.Address(o, c);
            if (!IsPlain<TSize>(address, sh, false))
                return ((Handler)c->General)(o, c, m, sh);
            value = TSize.Load(m + address);
        }
        else
        {
            value = Gpr(c)[o->S];
        }
        Put(c, o->D, TTo.Truncate(typeof(TSigned) == typeof(Signed) ? (ulong)TSize.Signed(value) : TSize.Truncate(value)));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    internal readonly struct Signed;

    internal readonly struct Unsigned;

    private static nint Lea<TSize, TAddress>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
        where TAddress : struct, IAddress
    {
        Put(c, o->D, TSize.Truncate(TAddress.Of(o, c)));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint PushRegister(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp] - 8;
        if (!IsPlain<Size8>(stack, sh, true))
            return ((Handler)c->General)(o, c, m, sh);
        *(ulong*)(m + stack) = Gpr(c)[o->S];
        Gpr(c)[CpuRecord.Rsp] = stack;
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint PopRegister(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp];
        if (!IsPlain<Size8>(stack, sh, false))
            return ((Handler)c->General)(o, c, m, sh);
        Gpr(c)[CpuRecord.Rsp] = stack + 8;
        Put(c, o->D, *(ulong*)(m + stack));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // Shifts of a register by a constant (in Imm, not zero).
    private static nint ShiftLeft<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var a = Gpr(c)[o->D];
        Put(c, o->D, TSize.Truncate(a << (int)o->Imm));
        Flags.Set(c, Flags.Shl | ((uint)TSize.Bytes << 4), a, o->Imm);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint ShiftRight<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var a = Gpr(c)[o->D];
        Put(c, o->D, TSize.Truncate(a) >> (int)o->Imm);
        Flags.Set(c, Flags.Shr | ((uint)TSize.Bytes << 4), a, o->Imm);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint ShiftRightSigned<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var a = Gpr(c)[o->D];
        Put(c, o->D, TSize.Truncate((ulong)(TSize.Signed(a) >> (int)o->Imm)));
        Flags.Set(c, Flags.Sar | ((uint)TSize.Bytes << 4), a, o->Imm);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // Rotations to the left by a constant; one to the right is one to the left by the rest, but for the flags.
    private static nint Rotate<TSize, TRight>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
        where TRight : struct
    {
        var r = TSize.Bytes == 8
            ? System.Numerics.BitOperations.RotateLeft(Gpr(c)[o->D], (int)o->Imm)
            : System.Numerics.BitOperations.RotateLeft((uint)Gpr(c)[o->D], (int)o->Imm);
        Put(c, o->D, r);
        c->FlagOverride = r;
        c->FlagKind = (c->FlagKind & ~Flags.OverrideMask)
            | (typeof(TRight) == typeof(Signed) ? Flags.RotateRight : Flags.RotateLeft) | ((uint)TSize.Bytes << 12);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint Invert<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        Put(c, o->D, TSize.Truncate(~Gpr(c)[o->D]));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint Negate<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var a = Gpr(c)[o->D];
        Put(c, o->D, TSize.Truncate(0 - a));
        Flags.Set(c, Flags.Sub | ((uint)TSize.Bytes << 4), 0, a);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint SwapBytes<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var a = Gpr(c)[o->D];
        Put(c, o->D, TSize.Bytes == 8
            ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(a)
            : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((uint)a));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // INC and DEC of a register leave carry alone, so they need to know it. The kinds that usually come before are simple.
    private static nint Increment<TSize, TDown>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
        where TDown : struct
    {
        ulong carry;
        var kind = c->FlagKind;
        if (kind is (Flags.Logic | (1 << 4)) or (Flags.Logic | (2 << 4)) or (Flags.Logic | (4 << 4)) or (Flags.Logic | (8 << 4)))
            carry = 0;
        else if (kind == (Flags.Sub | (8 << 4)))
            carry = c->FlagA < c->FlagB ? 1UL : 0;
        else if (kind == (Flags.Add | (8 << 4)))
            carry = c->FlagA + c->FlagB < c->FlagA ? 1UL : 0;
        else if ((kind & 0x30F) is Flags.Inc or Flags.Dec)
            carry = c->FlagB;
        else
            return ((Handler)c->General)(o, c, m, sh);
        var r = typeof(TDown) == typeof(Signed) ? Gpr(c)[o->D] - 1 : Gpr(c)[o->D] + 1;
        Put(c, o->D, TSize.Truncate(r));
        Flags.Set(c, (typeof(TDown) == typeof(Signed) ? Flags.Dec : Flags.Inc) | ((uint)TSize.Bytes << 4), r, carry);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // IMUL of two registers; whether it overflows is found when somebody asks.
    private static nint MultiplyRegisters<TSize>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TSize : struct, ISize
    {
        var (a, b) = (Gpr(c)[o->D], Gpr(c)[o->S]);
        Put(c, o->D, TSize.Truncate(a * b));
        Flags.Set(c, Flags.Imul | ((uint)TSize.Bytes << 4), a, b);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    internal static Handler ChooseMultiply(int size) => size == 4 ? &MultiplyRegisters<Size4> : &MultiplyRegisters<Size8>;
}
