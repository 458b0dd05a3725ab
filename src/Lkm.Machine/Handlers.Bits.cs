using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Operations of <see cref="Handlers.BitTest"/>.</summary>
internal enum BitOperation : byte
{
    Test, Set, Reset, Complement,
}

/// <summary>Operations of <see cref="Handlers.BitScanOf"/>.</summary>
internal enum BitScan : byte
{
    Forward, Reverse, TrailingZeros, LeadingZeros, Population, Blsi, Blsmsk, Blsr,
}

/// <summary>Operations of <see cref="Handlers.BitFieldOf"/>, from BMI1 and BMI2.</summary>
internal enum BitField : byte
{
    Bextr, Bzhi, Rorx, Shlx, Shrx, Sarx, Mulx, Pdep, Pext,
}

// Instructions on single bits and fields of bits.
internal static unsafe partial class Handlers
{
    internal static Handler BitTest => &BitTestOp;

    internal static Handler BitScanOf => &BitScanOp;

    internal static Handler BitFieldOf => &BitFieldOp;

    // BT, BTS, BTR, BTC. A register offset into memory reaches beyond the operand, both ways.
    private static nint BitTestOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!BitTestStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool BitTestStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var bits = size * 8;
        var immediate = Is(o, OpFlags.Immediate);
        var offset = immediate ? (long)o->Imm : SignExtend(c->Gpr[o->S], size);
        var bit = (int)offset & (bits - 1);
        var operation = (BitOperation)o->Info.Select;
        byte* p = null;
        ulong value;
        if (Is(o, OpFlags.MemoryDestination))
        {
            var address = Address(o, c);
            if (!immediate)
                address += (ulong)(offset >> 3 & -size);
            p = Access(c, address, size, operation != BitOperation.Test, m, sh);
            if (p == null)
                return false;
            value = Get(p, size);
        }
        else
        {
            value = GetRegister(c, o->D, size, false);
        }
        Flags.SetCarry(c, (value >> bit & 1) != 0);
        var mask = 1UL << bit;
        if (operation != BitOperation.Test)
        {
            value = operation switch
            {
                BitOperation.Set => value | mask,
                BitOperation.Reset => value & ~mask,
                _ => value ^ mask,
            };
            Result(o, c, size, p, value);
        }
        return true;
    }

    private static nint BitScanOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!BitScanStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool BitScanStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var bits = size * 8;
        if (!Source(o, c, m, sh, size, out var value))
            return false;
        var width = (uint)size << 4;
        ulong r;
        switch ((BitScan)o->Info.Select)
        {
            case BitScan.Forward:
            case BitScan.Reverse:
                Flags.Replace(c, Flags.Zero, value == 0 ? Flags.Zero : 0);
                if (value == 0)
                {
                    return true; // the destination stays, as on every processor there is
                }
                r = (ulong)((BitScan)o->Info.Select == BitScan.Forward ? Bits.TrailingZeros(value) : Bits.Log2(value));
                break;
            case BitScan.TrailingZeros:
                r = value == 0 ? (ulong)bits : (ulong)Bits.TrailingZeros(value);
                Flags.Replace(c, Flags.Zero | Flags.Carry, (r == 0 ? Flags.Zero : 0) | (value == 0 ? Flags.Carry : 0));
                break;
            case BitScan.LeadingZeros:
                r = value == 0 ? (ulong)bits : (ulong)(bits - 1 - Bits.Log2(value));
                Flags.Replace(c, Flags.Zero | Flags.Carry, (r == 0 ? Flags.Zero : 0) | (value == 0 ? Flags.Carry : 0));
                break;
            case BitScan.Population:
                r = (ulong)Bits.Population(value);
                Flags.SetLiteral(c, value == 0 ? Flags.Zero : 0);
                break;
            case BitScan.Blsi:
                r = value & (0 - value);
                Flags.Set(c, Flags.Logic | width, r, 0);
                Flags.SetCarry(c, value != 0);
                break;
            case BitScan.Blsmsk:
                r = value ^ (value - 1);
                Flags.Set(c, Flags.Logic | width, r, 0);
                Flags.SetCarry(c, value == 0);
                break;
            default:
                r = value & (value - 1);
                Flags.Set(c, Flags.Logic | width, r, 0);
                Flags.SetCarry(c, value == 0);
                break;
        }
        SetRegister(c, o->D, size, false, r);
        return true;
    }

    private static nint BitFieldOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!BitFieldStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool BitFieldStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var bits = size * 8;
        var field = (BitField)o->Info.Select;
        byte* p = null;
        if (Is(o, OpFlags.MemorySource) && (p = Access(c, Address(o, c), size, false, m, sh)) == null)
            return false;
        var value = p != null ? Get(p, size) : GetRegister(c, o->S, size, false);
        var control = field == BitField.Rorx ? o->Imm : GetRegister(c, o->Info.Extra, size, false);
        var count = (int)control & (bits - 1);
        ulong r;
        switch (field)
        {
            case BitField.Bextr:
                {
                    var (start, length) = ((int)(control & 0xFF), (int)(control >> 8 & 0xFF));
                    r = start < 64 ? value >> start : 0;
                    if (length < 64)
                        r &= (1UL << length) - 1;
                    Flags.SetLiteral(c, r == 0 ? Flags.Zero : 0);
                    break;
                }
            case BitField.Bzhi:
                {
                    var index = (int)(control & 0xFF);
                    r = index < bits ? value & ((1UL << index) - 1) : value;
                    Flags.Set(c, Flags.Logic | ((uint)size << 4), r, 0);
                    Flags.SetCarry(c, index >= bits);
                    break;
                }
            case BitField.Rorx:
                r = count == 0 ? value : Truncate((value >> count) | (value << (bits - count)), size);
                break;
            case BitField.Shlx:
                r = value << count;
                break;
            case BitField.Shrx:
                r = value >> count;
                break;
            case BitField.Sarx:
                r = (ulong)(SignExtend(value, size) >> count);
                break;
            case BitField.Mulx:
                {
                    var by = GetRegister(c, CpuRecord.Rdx, size, false);
                    var low = value * by;
                    r = size == 8 ? Bits.HighProduct(value, by) : low >> 32;
                    SetRegister(c, o->Info.Extra, size, false, low);
                    break;
                }
            case BitField.Pdep:
                r = 0;
                for (var (mask, bit) = (value, 1UL); mask != 0; mask &= mask - 1, bit <<= 1)
                    r |= (control & bit) != 0 ? mask & (0 - mask) : 0;
                break;
            default:
                r = 0;
                for (var (mask, bit) = (value, 1UL); mask != 0; mask &= mask - 1, bit <<= 1)
                    r |= (control & mask & (0 - mask)) != 0 ? bit : 0;
                break;
        }
        SetRegister(c, o->D, size, false, r);
        return true;
    }
}
