using System.Numerics;
using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>
/// The six arithmetic flags, unevaluated: an instruction leaves its operands and its kind, and whoever asks pays. Values may
/// carry rubbish above their size. Rotations and bit tests, which change only some flags, are laid over what was there.
/// </summary>
internal static unsafe class Flags
{
    internal const ulong Carry = 1, Parity = 4, Adjust = 0x10, Zero = 0x40, Sign = 0x80, Overflow = 0x800;
    internal const ulong Arithmetic = Carry | Parity | Adjust | Zero | Sign | Overflow;
    internal const ulong Trap = 0x100, Interrupt = 0x200, Direction = 0x400, IoPrivilege = 0x3000, Nested = 0x4000;
    internal const ulong Resume = 0x10000, AlignmentCheck = 0x40000, Identification = 0x200000, Fixed = 2;

    /// <summary>Flags that POPF and IRET may set.</summary>
    internal const ulong Writable = Trap | Interrupt | Direction | IoPrivilege | Nested | AlignmentCheck | Identification;

    // Kinds: low four bits; the size in bytes in the next four.
    internal const uint Literal = 0; // A: the flags
    internal const uint Add = 1; // A + B
    internal const uint Sub = 2; // A - B
    internal const uint Logic = 3; // A: the result
    internal const uint Inc = 4; // A: the result, B: carry before
    internal const uint Dec = 5;
    internal const uint Adc = 6; // A + B + 1
    internal const uint Sbb = 7; // A - B - 1
    internal const uint Shl = 8; // A << B
    internal const uint Shr = 9;
    internal const uint Sar = 10;
    internal const uint Mul = 11; // A: the result, B: overflow

    internal const uint Imul = 12; // A * B, signed

    // What is laid over: bits 8 and 9, the size in bits 12 to 15.
    internal const uint OverrideMask = 0xF300;
    internal const uint RotateLeft = 0x100; // FlagOverride: the result
    internal const uint RotateRight = 0x200;
    internal const uint CarryOnly = 0x300; // FlagOverride: bit 0

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Set(CpuRecord* c, uint kindAndSize, ulong a, ulong b)
    {
        c->FlagA = a;
        c->FlagB = b;
        c->FlagKind = kindAndSize;
    }

    internal static void SetLiteral(CpuRecord* c, ulong flags) => Set(c, Literal, flags & Arithmetic, 0);

    /// <summary>Changes carry alone.</summary>
    internal static void SetCarry(CpuRecord* c, bool carry)
    {
        if ((c->FlagKind & OverrideMask) != 0)
            SetLiteral(c, Evaluate(c));
        c->FlagKind |= CarryOnly;
        c->FlagOverride = carry ? 1UL : 0;
    }

    /// <summary>Changes some flags to the given values.</summary>
    internal static void Replace(CpuRecord* c, ulong mask, ulong flags) => SetLiteral(c, (Evaluate(c) & ~mask) | (flags & mask));

    internal static ulong All(CpuRecord* c) => Evaluate(c) | c->SystemFlags | Fixed;

    /// <summary>The arithmetic flags.</summary>
    internal static ulong Evaluate(CpuRecord* c)
    {
        var kind = c->FlagKind;
        var flags = EvaluateBase(c, kind);
        var over = kind & 0x300;
        if (over == 0)
            return flags;
        var value = c->FlagOverride;
        if (over == CarryOnly)
            return (flags & ~Carry) | (value & 1);
        var top = (int)((kind >> 12) & 15) * 8 - 1;
        var msb = (value >> top) & 1;
        var (carry, overflow) = over == RotateLeft ? (value & 1, msb ^ (value & 1)) : (msb, msb ^ ((value >> (top - 1)) & 1));
        return (flags & ~(Carry | Overflow)) | carry | (overflow << 11);
    }

    private static ulong EvaluateBase(CpuRecord* c, uint kind)
    {
        if ((kind & 15) == Literal)
            return c->FlagA;
        var shift = 64 - 8 * (int)((kind >> 4) & 15);
        // Operands moved to the top of the word: carry, sign and overflow are then the same for every size.
        ulong a = c->FlagA << shift, b = c->FlagB << shift, r;
        ulong carry = 0, overflow = 0, adjust = 0;
        var one = 1UL << shift;
        switch (kind & 15)
        {
            case Add:
                r = a + b;
                carry = r < a ? 1UL : 0;
                overflow = ((a ^ r) & (b ^ r)) >> 63;
                adjust = (a ^ b ^ r) >> shift;
                break;
            case Adc:
                r = a + b + one;
                carry = r <= a ? 1UL : 0;
                overflow = ((a ^ r) & (b ^ r)) >> 63;
                adjust = (a ^ b ^ r) >> shift;
                break;
            case Sub:
                r = a - b;
                carry = a < b ? 1UL : 0;
                overflow = ((a ^ b) & (a ^ r)) >> 63;
                adjust = (a ^ b ^ r) >> shift;
                break;
            case Sbb:
                r = a - b - one;
                carry = a <= b ? 1UL : 0;
                overflow = ((a ^ b) & (a ^ r)) >> 63;
                adjust = (a ^ b ^ r) >> shift;
                break;
            case Inc:
                r = a;
                carry = c->FlagB;
                overflow = r == 1UL << 63 ? 1UL : 0;
                adjust = ((r >> shift) & 15) == 0 ? Adjust : 0;
                break;
            case Dec:
                r = a;
                carry = c->FlagB;
                overflow = r == (1UL << 63) - one ? 1UL : 0;
                adjust = ((r >> shift) & 15) == 15 ? Adjust : 0;
                break;
            case Shl:
                {
                    var count = (int)c->FlagB;
                    r = a << count;
                    carry = (a >> (64 - count)) & 1;
                    overflow = (r >> 63) ^ carry;
                    break;
                }
            case Shr:
                {
                    var count = (int)c->FlagB;
                    var value = a >> shift;
                    r = value >> count << shift;
                    carry = (value >> (count - 1)) & 1;
                    overflow = (r << 1 ^ r) >> 63;
                    break;
                }
            case Sar:
                {
                    var count = (int)c->FlagB;
                    var value = (long)a >> shift;
                    r = (ulong)(value >> count) << shift;
                    carry = (ulong)(value >> (count - 1)) & 1;
                    break;
                }
            case Mul:
                r = a;
                carry = overflow = c->FlagB;
                break;
            case Imul:
                {
                    var (x, y) = ((long)a >> shift, (long)b >> shift);
                    var high = Math.BigMul(x, y, out long low);
                    r = (ulong)low << shift;
                    carry = overflow = high == low >> 63 && (long)r >> shift == low ? 0UL : 1UL;
                    break;
                }
            default:
                r = a;
                break;
        }
        var flags = carry | (overflow << 11) | (adjust & Adjust) | (r >> 63 << 7);
        if (r == 0)
            flags |= Zero;
        if ((BitOperations.PopCount((byte)(r >> shift)) & 1) == 0)
            flags |= Parity;
        return flags;
    }

    /// <summary>A condition code 0 to 15, as instructions encode it (Intel SDM volume 2, appendix B).</summary>
    internal static bool Test(CpuRecord* c, int condition)
    {
        var f = Evaluate(c);
        var met = (condition >> 1) switch
        {
            0 => (f & Overflow) != 0,
            1 => (f & Carry) != 0,
            2 => (f & Zero) != 0,
            3 => (f & (Carry | Zero)) != 0,
            4 => (f & Sign) != 0,
            5 => (f & Parity) != 0,
            6 => (f & Sign) != 0 != ((f & Overflow) != 0),
            _ => (f & Zero) != 0 || (f & Sign) != 0 != ((f & Overflow) != 0),
        };
        return met != ((condition & 1) != 0);
    }
}
