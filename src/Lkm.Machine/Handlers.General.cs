using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.Binary"/> and <see cref="Handlers.Unary"/>.</summary>
internal enum Alu : byte
{
    Add, Or, Adc, Sbb, And, Sub, Xor, Cmp, Test, Mov, Xchg, Xadd, Cmpxchg, Imul, Adcx, Adox,
    Inc, Dec, Neg, Not, Bswap, Andn,
}

// Integer instructions with operands of any size and place.
internal static unsafe partial class Handlers
{
    internal static Handler Binary => &BinaryOp;

    internal static Handler Unary => &UnaryOp;

    internal static Handler ExtendZero => &ExtendZeroOp;

    internal static Handler ExtendSign => &ExtendSignOp;

    internal static Handler LoadAddress => &LoadAddressOp;

    internal static Handler MoveIf => &MoveIfOp;

    internal static Handler SetIf => &SetIfOp;

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
                    var carried = r < a || (carry != 0 && r == a);
                    Flags.Replace(c, flag, carried ? flag : 0);
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
