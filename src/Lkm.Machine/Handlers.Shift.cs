using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.ShiftOf"/>, as the ModRM byte numbers them.</summary>
internal enum Shift : byte
{
    Rol, Ror, Rcl, Rcr, Shl, Shr, Unused, Sar,
}

// Shifts and rotations.
internal static unsafe partial class Handlers
{
    internal static Handler ShiftOf => &ShiftOp;

    internal static Handler DoubleShift => &DoubleShiftOp;

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
}
