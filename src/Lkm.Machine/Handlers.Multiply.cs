using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Multiplication and division.
internal static unsafe partial class Handlers
{
    internal static Handler Imul3 => &Imul3Op;

    internal static Handler WideMultiply => &WideMultiplyOp;

    internal static Handler Divide => &DivideOp;

    private static ulong Multiply(long a, long b, int size, out bool overflow)
    {
        if (size == 8)
        {
            var low = a * b;
            overflow = Bits.HighProduct(a, b) != low >> 63;
            return (ulong)low;
        }
        var product = a * b;
        overflow = SignExtend((ulong)product, size) != product;
        return (ulong)product;
    }

    // IMUL with three operands; the immediate is the third.
    private static nint Imul3Op(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Imul3Step(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Imul3Step(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var p = (byte*)null;
        if (Is(o, OpFlags.MemorySource) && (p = Access(c, Address(o, c), size, false, m, sh)) == null)
            return false;
        var a = p != null ? Get(p, size) : GetRegister(c, o->S, size, false);
        var r = Multiply(SignExtend(a, size), SignExtend(o->Imm, size), size, out var overflow);
        SetRegister(c, o->D, size, false, r);
        Flags.Set(c, Flags.Mul | ((uint)size << 4), r, overflow ? 1UL : 0);
        return true;
    }

    // MUL (select 0) and IMUL (select 1) of the accumulator into twice its width.
    private static nint WideMultiplyOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!WideMultiplyStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool WideMultiplyStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        if (!Destination(o, c, m, sh, size, false, out _, out var b))
            return false;
        var a = GetRegister(c, CpuRecord.Rax, size, false);
        ulong low, high;
        if (size == 8)
        {
            low = a * b;
            high = o->Info.Select == 0 ? Bits.HighProduct(a, b) : (ulong)Bits.HighProduct((long)a, (long)b);
        }
        else
        {
            var product = o->Info.Select == 0 ? a * b : (ulong)(SignExtend(a, size) * SignExtend(b, size));
            low = Truncate(product, size);
            high = Truncate(product >> (8 * size), size);
        }
        var overflow = o->Info.Select == 0 ? high != 0 : SignExtend(high, size) != SignExtend(low, size) >> 63;
        if (size == 1)
        {
            SetRegister(c, CpuRecord.Rax, 2, false, low | (high << 8));
        }
        else
        {
            SetRegister(c, CpuRecord.Rax, size, false, low);
            SetRegister(c, CpuRecord.Rdx, size, false, high);
        }
        Flags.Set(c, Flags.Mul | ((uint)size << 4), low, overflow ? 1UL : 0);
        return true;
    }

    // DIV (select 0) and IDIV (select 1). The flags are undefined afterwards; they stay.
    private static nint DivideOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!DivideStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool DivideStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        if (!Destination(o, c, m, sh, size, false, out _, out var divisor))
            return false;
        var low = GetRegister(c, CpuRecord.Rax, size, false);
        var high = size == 1 ? GetRegister(c, CpuRecord.Rax, 1, true) : GetRegister(c, CpuRecord.Rdx, size, false);
        if (divisor == 0)
            return Fail(o, c, CpuVector.DivideError, 0);
        ulong quotient, remainder;
        if (o->Info.Select == 0)
        {
            if (high >= divisor)
                return Fail(o, c, CpuVector.DivideError, 0);
            if (high == 0)
            {
                (quotient, remainder) = Math.DivRem(low, divisor);
            }
            else
            {
                WideDivide(high, low, divisor, size, out quotient, out remainder);
            }
        }
        else
        {
            if (!SignedDivide(high, low, divisor, size, out quotient, out remainder))
                return Fail(o, c, CpuVector.DivideError, 0);
        }
        if (size == 1)
        {
            SetRegister(c, CpuRecord.Rax, 2, false, (byte)quotient | ((remainder & 0xFF) << 8));
        }
        else
        {
            SetRegister(c, CpuRecord.Rax, size, false, quotient);
            SetRegister(c, CpuRecord.Rdx, size, false, remainder);
        }
        return true;
    }

    // Apart, as is WideSignedDivide: 128-bit arithmetic is compiled at run time.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WideDivide(ulong high, ulong low, ulong divisor, int size, out ulong quotient, out ulong remainder)
    {
        if (size < 8)
        {
            (quotient, remainder) = Math.DivRem((high << (8 * size)) | low, divisor);
            return;
        }
        var (q, r) = UInt128.DivRem(new UInt128(high, low), divisor);
        (quotient, remainder) = ((ulong)q, (ulong)r);
    }

    private static bool SignedDivide(ulong high, ulong low, ulong divisor, int size, out ulong quotient, out ulong remainder)
    {
        quotient = remainder = 0;
        var by = SignExtend(divisor, size);
        if (size < 8 || (long)high == (long)low >> 63)
        {
            var narrow = size == 8 ? (long)low : (long)((ulong)SignExtend(high, size) << (8 * size) | low);
            if (by == -1 && narrow == long.MinValue)
                return false;
            var result = narrow / by;
            if (SignExtend((ulong)result, size) != result)
                return false;
            quotient = (ulong)result;
            remainder = (ulong)(narrow - result * by);
            return true;
        }
        return WideSignedDivide(high, low, by, out quotient, out remainder);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool WideSignedDivide(ulong high, ulong low, long by, out ulong quotient, out ulong remainder)
    {
        quotient = remainder = 0;
        var dividend = new Int128(high, low);
        if (by == -1 && dividend == Int128.MinValue)
            return false;
        var wide = dividend / by;
        if (wide != (long)wide)
            return false;
        quotient = (ulong)(long)wide;
        remainder = (ulong)(long)(dividend - wide * by);
        return true;
    }


}
