using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.Binary"/> and <see cref="Handlers.Unary"/>.</summary>
internal enum Alu : byte
{
    Add, Or, Adc, Sbb, And, Sub, Xor, Cmp, Test, Mov, Xchg, Xadd, Cmpxchg, Imul, Adcx, Adox,
    Inc, Dec, Neg, Not, Bswap, Andn,
}

/// <summary>Operations of <see cref="Handlers.ShiftOf"/>, as the ModRM byte numbers them.</summary>
internal enum Shift : byte
{
    Rol, Ror, Rcl, Rcr, Shl, Shr, Unused, Sar,
}

// Integer instructions with operands of any size and place.
internal static unsafe partial class Handlers
{
    internal static Handler Binary => &BinaryOp;

    internal static Handler Unary => &UnaryOp;

    internal static Handler ShiftOf => &ShiftOp;

    internal static Handler DoubleShift => &DoubleShiftOp;

    internal static Handler ExtendZero => &ExtendZeroOp;

    internal static Handler ExtendSign => &ExtendSignOp;

    internal static Handler LoadAddress => &LoadAddressOp;

    internal static Handler MoveIf => &MoveIfOp;

    internal static Handler SetIf => &SetIfOp;

    internal static Handler Imul3 => &Imul3Op;

    internal static Handler WideMultiply => &WideMultiplyOp;

    internal static Handler Divide => &DivideOp;

    internal static Handler ByteSwapMove => &ByteSwapMoveOp;

    private static bool Is(Op* o, OpFlags flag) => (o->Info.Flags & flag) != 0;

    /// <summary>Reads the source operand; false with the exit described.</summary>
    private static bool Source(Op* o, CpuRecord* c, byte* m, byte* sh, int size, out ulong value)
    {
        var flags = o->Info.Flags;
        if ((flags & OpFlags.Immediate) != 0)
        {
            value = Truncate(o->Imm, size);
        }
        else if ((flags & OpFlags.MemorySource) != 0)
        {
            var p = Access(c, Address(o, c), size, false, m, sh);
            if (p == null)
            {
                value = 0;
                return false;
            }
            value = Get(p, size);
        }
        else
        {
            value = GetRegister(c, o->S, size, (flags & OpFlags.HighSource) != 0);
        }
        return true;
    }

    /// <summary>Reads the destination operand and says where it is if it is in memory; false with the exit described.</summary>
    private static bool Destination(Op* o, CpuRecord* c, byte* m, byte* sh, int size, bool write, out byte* p, out ulong value)
    {
        p = null;
        value = 0;
        if (!Is(o, OpFlags.MemoryDestination))
        {
            value = GetRegister(c, o->D, size, Is(o, OpFlags.HighDestination));
            return true;
        }
        p = Access(c, Address(o, c), size, write, m, sh);
        if (p == null)
            return false;
        value = Get(p, size);
        return true;
    }

    private static void Result(Op* o, CpuRecord* c, int size, byte* p, ulong value)
    {
        if (p == null)
        {
            SetRegister(c, o->D, size, Is(o, OpFlags.HighDestination), value);
            return;
        }
        Put(p, size, value);
        Commit(c);
    }

    private static nint BinaryOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!BinaryStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool BinaryStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var alu = (Alu)o->Info.Select;
        if (!Source(o, c, m, sh, size, out var b))
            return false;
        if (!Destination(o, c, m, sh, size, alu is not (Alu.Cmp or Alu.Test), out var p, out var a))
            return false;
        var width = (uint)size << 4;
        ulong r;
        switch (alu)
        {
            case Alu.Mov:
                r = b;
                break;
            case Alu.Add:
                r = a + b;
                Flags.Set(c, Flags.Add | width, a, b);
                break;
            case Alu.Adc:
                {
                    var carry = Flags.Evaluate(c) & Flags.Carry;
                    r = a + b + carry;
                    Flags.Set(c, (carry != 0 ? Flags.Adc : Flags.Add) | width, a, b);
                    break;
                }
            case Alu.Sub:
                r = a - b;
                Flags.Set(c, Flags.Sub | width, a, b);
                break;
            case Alu.Cmp:
                Flags.Set(c, Flags.Sub | width, a, b);
                goto done;
            case Alu.Sbb:
                {
                    var carry = Flags.Evaluate(c) & Flags.Carry;
                    r = a - b - carry;
                    Flags.Set(c, (carry != 0 ? Flags.Sbb : Flags.Sub) | width, a, b);
                    break;
                }
            case Alu.And:
                r = a & b;
                Flags.Set(c, Flags.Logic | width, r, 0);
                break;
            case Alu.Test:
                Flags.Set(c, Flags.Logic | width, a & b, 0);
                goto done;
            case Alu.Andn:
                r = ~GetRegister(c, o->Info.Extra, size, false) & b;
                Flags.Set(c, Flags.Logic | width, r, 0);
                break;
            case Alu.Or:
                r = a | b;
                Flags.Set(c, Flags.Logic | width, r, 0);
                break;
            case Alu.Xor:
                r = a ^ b;
                Flags.Set(c, Flags.Logic | width, r, 0);
                break;
            case Alu.Imul:
                {
                    r = Multiply(SignExtend(a, size), SignExtend(b, size), size, out var overflow);
                    Flags.Set(c, Flags.Mul | width, r, overflow ? 1UL : 0);
                    break;
                }
            case Alu.Xchg:
                SetRegister(c, o->S, size, Is(o, OpFlags.HighSource), a);
                r = b;
                break;
            case Alu.Xadd:
                SetRegister(c, o->S, size, Is(o, OpFlags.HighSource), a);
                r = a + b;
                Flags.Set(c, Flags.Add | width, a, b);
                break;
            case Alu.Cmpxchg:
                {
                    var accumulator = GetRegister(c, CpuRecord.Rax, size, false);
                    Flags.Set(c, Flags.Sub | width, accumulator, a);
                    r = accumulator == a ? b : a;
                    if (accumulator != a)
                    {
                        SetRegister(c, CpuRecord.Rax, size, false, a);
                        if (p == null)
                            goto done;
                    }
                    break;
                }
            case Alu.Adcx:
            case Alu.Adox:
                {
                    var flag = alu == Alu.Adcx ? Flags.Carry : Flags.Overflow;
                    var carry = (Flags.Evaluate(c) & flag) != 0 ? 1UL : 0;
                    r = Truncate(a + b + carry, size);
                    var out1 = r < a || (carry != 0 && r == a);
                    Flags.Replace(c, flag, out1 ? flag : 0);
                    break;
                }
            default:
                throw new InvalidOperationException($"no operation {alu}");
        }
        Result(o, c, size, p, r);
    done:
        return true;
    }

    private static nint UnaryOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!UnaryStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool UnaryStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        if (!Destination(o, c, m, sh, size, true, out var p, out var a))
            return false;
        var width = (uint)size << 4;
        ulong r;
        switch ((Alu)o->Info.Select)
        {
            case Alu.Inc:
                r = a + 1;
                Flags.Set(c, Flags.Inc | width, r, Flags.Evaluate(c) & Flags.Carry);
                break;
            case Alu.Dec:
                r = a - 1;
                Flags.Set(c, Flags.Dec | width, r, Flags.Evaluate(c) & Flags.Carry);
                break;
            case Alu.Neg:
                r = 0 - a;
                Flags.Set(c, Flags.Sub | width, 0, a);
                break;
            case Alu.Bswap:
                r = size == 8 ? BinaryPrimitives.ReverseEndianness(a) : BinaryPrimitives.ReverseEndianness((uint)a);
                break;
            default:
                r = ~a;
                break;
        }
        Result(o, c, size, p, r);
        return true;
    }

    private static nint ShiftOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ShiftStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ShiftStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var bits = size * 8;
        var count = (int)(Is(o, OpFlags.Immediate) ? o->Imm : c->Gpr[CpuRecord.Rcx]) & (size == 8 ? 63 : 31);
        if (!Destination(o, c, m, sh, size, true, out var p, out var a))
            return false;
        var r = a;
        if (count != 0)
        {
            var width = (uint)size << 4;
            switch ((Shift)o->Info.Select)
            {
                case Shift.Shl:
                    r = a << count;
                    Flags.Set(c, Flags.Shl | width, a, (ulong)count);
                    break;
                case Shift.Shr:
                    r = a >> count;
                    Flags.Set(c, Flags.Shr | width, a, (ulong)count);
                    break;
                case Shift.Sar:
                    r = (ulong)(SignExtend(a, size) >> count);
                    Flags.Set(c, Flags.Sar | width, a, (ulong)count);
                    break;
                case Shift.Rol:
                    r = Truncate((a << (count % bits)) | (count % bits == 0 ? 0 : a >> (bits - count % bits)), size);
                    Rotated(c, Flags.RotateLeft, size, r);
                    break;
                case Shift.Ror:
                    r = Truncate((a >> (count % bits)) | (count % bits == 0 ? 0 : a << (bits - count % bits)), size);
                    Rotated(c, Flags.RotateRight, size, r);
                    break;
                default:
                    r = RotateThroughCarry(c, a, size, count, (Shift)o->Info.Select == Shift.Rcl);
                    break;
            }
        }
        Result(o, c, size, p, r);
        return true;
    }

    private static void Rotated(CpuRecord* c, uint direction, int size, ulong result)
    {
        c->FlagKind = (c->FlagKind & ~Flags.OverrideMask) | direction | ((uint)size << 12);
        c->FlagOverride = result;
    }

    // A rotation of one bit more than the operand has: 9, 17, 33 or 65.
    private static ulong RotateThroughCarry(CpuRecord* c, ulong a, int size, int count, bool left)
    {
        var bits = size * 8;
        var carry = Flags.Evaluate(c) & Flags.Carry;
        var all = ((UInt128)carry << bits) | a;
        count %= bits + 1;
        if (!left)
            count = count == 0 ? 0 : bits + 1 - count;
        if (count != 0)
            all = ((all << count) | (all >> (bits + 1 - count))) & (((UInt128)1 << (bits + 1)) - 1);
        var r = (ulong)(all & (((UInt128)1 << bits) - 1));
        carry = (ulong)(all >> bits);
        var msb = r >> (bits - 1) & 1;
        var overflow = left ? msb ^ carry : msb ^ (r >> (bits - 2) & 1);
        Flags.Replace(c, Flags.Carry | Flags.Overflow, carry | (overflow << 11));
        return r;
    }

    // SHLD (select 0) and SHRD (select 1).
    private static nint DoubleShiftOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!DoubleShiftStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool DoubleShiftStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var bits = size * 8;
        var count = (int)(Is(o, OpFlags.Immediate) ? o->Imm : c->Gpr[CpuRecord.Rcx]) & (size == 8 ? 63 : 31);
        var filler = GetRegister(c, o->S, size, false);
        if (!Destination(o, c, m, sh, size, true, out var p, out var a))
            return false;
        var r = a;
        if (count != 0)
        {
            bool carry;
            if (o->Info.Select == 0)
            {
                (r, carry) = ShiftIn(a, filler, count, bits);
            }
            else
            {
                r = bits == 64 ? (a >> count) | (filler << (64 - count)) : ((filler << bits) | a) >> count;
                carry = (bits == 64 ? a >> (count - 1) : ((filler << bits) | a) >> (count - 1) & 1) % 2 != 0;
            }
            r = Truncate(r, size);
            Flags.Set(c, Flags.Logic | ((uint)size << 4), r, 0);
            var overflow = ((a ^ r) >> (bits - 1) & 1) != 0;
            Flags.Replace(c, Flags.Carry | Flags.Overflow, (carry ? Flags.Carry : 0) | (overflow ? Flags.Overflow : 0));
        }
        Result(o, c, size, p, r);
        return true;
    }

    // SHLD. Counts above 16 of a 16-bit operand have no defined result.
    private static (ulong Result, bool Carry) ShiftIn(ulong value, ulong filler, int count, int bits)
    {
        if (bits == 64)
            return ((value << count) | (filler >> (64 - count)), (value >> (64 - count) & 1) != 0);
        var both = (value << bits) | filler;
        return (both << count >> bits, (both >> (2 * bits - count) & 1) != 0);
    }

    private static nint ExtendZeroOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ExtendZeroStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ExtendZeroStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Source(o, c, m, sh, o->Info.SourceSize, out var value))
            return false;
        SetRegister(c, o->D, o->Info.Size, false, value);
        return true;
    }

    private static nint ExtendSignOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ExtendSignStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ExtendSignStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Source(o, c, m, sh, o->Info.SourceSize, out var value))
            return false;
        SetRegister(c, o->D, o->Info.Size, false, (ulong)SignExtend(value, o->Info.SourceSize));
        return true;
    }

    private static nint LoadAddressOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        SetRegister(c, o->D, o->Info.Size, false, Address(o, c));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint MoveIfOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!MoveIfStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool MoveIfStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        if (!Source(o, c, m, sh, size, out var value))
            return false;
        if (!Flags.Test(c, o->Info.Select))
            value = c->Gpr[o->D]; // a 32-bit move that does not happen still clears the upper half
        SetRegister(c, o->D, size, false, value);
        return true;
    }

    private static nint SetIfOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!SetIfStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool SetIfStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Destination(o, c, m, sh, 1, true, out var p, out _))
            return false;
        Result(o, c, 1, p, Flags.Test(c, o->Info.Select) ? 1UL : 0);
        return true;
    }

    private static ulong Multiply(long a, long b, int size, out bool overflow)
    {
        if (size == 8)
        {
            var high = Math.BigMul(a, b, out long low);
            overflow = high != low >> 63;
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
            high = o->Info.Select == 0 ? Math.BigMul(a, b, out _) : (ulong)Math.BigMul((long)a, (long)b, out _);
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

    // MOVBE.
    private static nint ByteSwapMoveOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ByteSwapMoveStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ByteSwapMoveStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        if (!Source(o, c, m, sh, size, out var value) || !Destination(o, c, m, sh, size, true, out var p, out _))
            return false;
        Result(o, c, size, p, BinaryPrimitives.ReverseEndianness(value) >> (64 - 8 * size));
        return true;
    }
}
