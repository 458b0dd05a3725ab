using System.Runtime.Intrinsics;
using Iced.Intel;

namespace Lkm.Machine;

/// <summary>What SSE2 instructions compute from two registers, written so that any host can.</summary>
internal static class VectorOperations
{
    internal static bool Knows(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Xorps or Mnemonic.Xorpd or Mnemonic.Pxor or Mnemonic.Andps or Mnemonic.Andpd or Mnemonic.Pand or Mnemonic.Orps or Mnemonic.Orpd
            or Mnemonic.Por or Mnemonic.Andnps or Mnemonic.Andnpd or Mnemonic.Pandn => true,
        Mnemonic.Paddb or Mnemonic.Paddw or Mnemonic.Paddd or Mnemonic.Paddq or Mnemonic.Psubb or Mnemonic.Psubw or Mnemonic.Psubd or Mnemonic.Psubq => true,
        Mnemonic.Pmullw or Mnemonic.Pmulhw or Mnemonic.Pmulhuw or Mnemonic.Pmuludq or Mnemonic.Pmaddwd or Mnemonic.Psadbw => true,
        Mnemonic.Pminub or Mnemonic.Pmaxub or Mnemonic.Pminsw or Mnemonic.Pmaxsw or Mnemonic.Pavgb or Mnemonic.Pavgw => true,
        Mnemonic.Paddsb or Mnemonic.Paddsw or Mnemonic.Paddusb or Mnemonic.Paddusw or Mnemonic.Psubsb or Mnemonic.Psubsw or Mnemonic.Psubusb or Mnemonic.Psubusw => true,
        Mnemonic.Pcmpeqb or Mnemonic.Pcmpeqw or Mnemonic.Pcmpeqd or Mnemonic.Pcmpgtb or Mnemonic.Pcmpgtw or Mnemonic.Pcmpgtd => true,
        Mnemonic.Psllw or Mnemonic.Pslld or Mnemonic.Psllq or Mnemonic.Psrlw or Mnemonic.Psrld or Mnemonic.Psrlq or Mnemonic.Psraw or Mnemonic.Psrad
            or Mnemonic.Pslldq or Mnemonic.Psrldq => true,
        Mnemonic.Pshufd or Mnemonic.Pshuflw or Mnemonic.Pshufhw or Mnemonic.Shufps or Mnemonic.Shufpd => true,
        Mnemonic.Punpcklbw or Mnemonic.Punpcklwd or Mnemonic.Punpckldq or Mnemonic.Punpcklqdq or Mnemonic.Punpckhbw or Mnemonic.Punpckhwd
            or Mnemonic.Punpckhdq or Mnemonic.Punpckhqdq or Mnemonic.Unpcklps or Mnemonic.Unpckhps or Mnemonic.Unpcklpd or Mnemonic.Unpckhpd => true,
        Mnemonic.Packsswb or Mnemonic.Packuswb or Mnemonic.Packssdw => true,
        Mnemonic.Movhlps or Mnemonic.Movlhps => true,
        _ => ScalarOperations.IsPacked(mnemonic),
    };

    internal static Vector128<byte> Compute(Mnemonic mnemonic, Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        switch (mnemonic)
        {
            case Mnemonic.Xorps or Mnemonic.Xorpd or Mnemonic.Pxor: return a ^ b;
            case Mnemonic.Andps or Mnemonic.Andpd or Mnemonic.Pand: return a & b;
            case Mnemonic.Orps or Mnemonic.Orpd or Mnemonic.Por: return a | b;
            case Mnemonic.Andnps or Mnemonic.Andnpd or Mnemonic.Pandn: return ~a & b;
            case Mnemonic.Paddb: return a + b;
            case Mnemonic.Paddw: return (a.AsUInt16() + b.AsUInt16()).AsByte();
            case Mnemonic.Paddd: return (a.AsUInt32() + b.AsUInt32()).AsByte();
            case Mnemonic.Paddq: return (a.AsUInt64() + b.AsUInt64()).AsByte();
            case Mnemonic.Psubb: return a - b;
            case Mnemonic.Psubw: return (a.AsUInt16() - b.AsUInt16()).AsByte();
            case Mnemonic.Psubd: return (a.AsUInt32() - b.AsUInt32()).AsByte();
            case Mnemonic.Psubq: return (a.AsUInt64() - b.AsUInt64()).AsByte();
            case Mnemonic.Pmullw: return (a.AsInt16() * b.AsInt16()).AsByte();
            case Mnemonic.Pmulhw: return Each16(a, b, static (x, y) => (short)x * (short)y >> 16);
            case Mnemonic.Pmulhuw: return Each16(a, b, static (x, y) => (int)((uint)x * y >> 16));
            case Mnemonic.Pmuludq:
                return Vector128.Create((ulong)a.AsUInt32()[0] * b.AsUInt32()[0], (ulong)a.AsUInt32()[2] * b.AsUInt32()[2]).AsByte();
            case Mnemonic.Pmaddwd: return MultiplyAdd(a.AsInt16(), b.AsInt16()).AsByte();
            case Mnemonic.Psadbw: return SumOfDifferences(a, b);
            case Mnemonic.Pminub: return Vector128.Min(a, b);
            case Mnemonic.Pmaxub: return Vector128.Max(a, b);
            case Mnemonic.Pminsw: return Vector128.Min(a.AsInt16(), b.AsInt16()).AsByte();
            case Mnemonic.Pmaxsw: return Vector128.Max(a.AsInt16(), b.AsInt16()).AsByte();
            case Mnemonic.Pavgb: return Each8(a, b, static (x, y) => (x + y + 1) >> 1);
            case Mnemonic.Pavgw: return Each16(a, b, static (x, y) => (x + y + 1) >> 1);
            case Mnemonic.Paddsb: return Each8(a, b, static (x, y) => Math.Clamp((sbyte)x + (sbyte)y, sbyte.MinValue, sbyte.MaxValue));
            case Mnemonic.Paddsw: return Each16(a, b, static (x, y) => Math.Clamp((short)x + (short)y, short.MinValue, short.MaxValue));
            case Mnemonic.Paddusb: return Each8(a, b, static (x, y) => Math.Min(x + y, byte.MaxValue));
            case Mnemonic.Paddusw: return Each16(a, b, static (x, y) => Math.Min(x + y, ushort.MaxValue));
            case Mnemonic.Psubsb: return Each8(a, b, static (x, y) => Math.Clamp((sbyte)x - (sbyte)y, sbyte.MinValue, sbyte.MaxValue));
            case Mnemonic.Psubsw: return Each16(a, b, static (x, y) => Math.Clamp((short)x - (short)y, short.MinValue, short.MaxValue));
            case Mnemonic.Psubusb: return Each8(a, b, static (x, y) => Math.Max(x - y, 0));
            case Mnemonic.Psubusw: return Each16(a, b, static (x, y) => Math.Max(x - y, 0));
            case Mnemonic.Pcmpeqb: return Vector128.Equals(a, b);
            case Mnemonic.Pcmpeqw: return Vector128.Equals(a.AsInt16(), b.AsInt16()).AsByte();
            case Mnemonic.Pcmpeqd: return Vector128.Equals(a.AsInt32(), b.AsInt32()).AsByte();
            case Mnemonic.Pcmpgtb: return Vector128.GreaterThan(a.AsSByte(), b.AsSByte()).AsByte();
            case Mnemonic.Pcmpgtw: return Vector128.GreaterThan(a.AsInt16(), b.AsInt16()).AsByte();
            case Mnemonic.Pcmpgtd: return Vector128.GreaterThan(a.AsInt32(), b.AsInt32()).AsByte();
            default: return ScalarOperations.ScalarOf(mnemonic) is not Mnemonic.INVALID and var scalar ? EachNumber(scalar, a, b) : Arrange(mnemonic, a, b, immediate);
        }
    }

    private static Vector128<byte> EachNumber(Mnemonic scalar, Vector128<byte> a, Vector128<byte> b)
    {
        var isDouble = scalar is Mnemonic.Addsd or Mnemonic.Subsd or Mnemonic.Mulsd or Mnemonic.Divsd or Mnemonic.Minsd or Mnemonic.Maxsd or Mnemonic.Sqrtsd;
        for (var n = 0; n < (isDouble ? 2 : 4); n++)
        {
            a = isDouble
                ? a.AsUInt64().WithElement(n, ScalarOperations.Double(scalar, a.AsUInt64()[n], b.AsUInt64()[n])).AsByte()
                : a.AsUInt32().WithElement(n, ScalarOperations.Single(scalar, a.AsUInt32()[n], b.AsUInt32()[n])).AsByte();
        }
        return a;
    }

    private static Vector128<byte> Arrange(Mnemonic mnemonic, Vector128<byte> a, Vector128<byte> b, byte immediate)
    {
        var count = b.AsUInt64()[0]; // of a shift
        switch (mnemonic)
        {
            case Mnemonic.Psllw: return count > 15 ? default : (a.AsUInt16() << (int)count).AsByte();
            case Mnemonic.Pslld: return count > 31 ? default : (a.AsUInt32() << (int)count).AsByte();
            case Mnemonic.Psllq: return count > 63 ? default : (a.AsUInt64() << (int)count).AsByte();
            case Mnemonic.Psrlw: return count > 15 ? default : (a.AsUInt16() >>> (int)count).AsByte();
            case Mnemonic.Psrld: return count > 31 ? default : (a.AsUInt32() >>> (int)count).AsByte();
            case Mnemonic.Psrlq: return count > 63 ? default : (a.AsUInt64() >>> (int)count).AsByte();
            case Mnemonic.Psraw: return (a.AsInt16() >> (int)Math.Min(count, 15)).AsByte();
            case Mnemonic.Psrad: return (a.AsInt32() >> (int)Math.Min(count, 31)).AsByte();
            case Mnemonic.Pslldq: return count > 15 ? default : (a.AsUInt128() << (int)count * 8).AsVector();
            case Mnemonic.Psrldq: return count > 15 ? default : (a.AsUInt128() >> (int)count * 8).AsVector();
            case Mnemonic.Pshufd: return Pick(b.AsUInt32(), b.AsUInt32(), immediate).AsByte();
            case Mnemonic.Shufps: return Pick(a.AsUInt32(), b.AsUInt32(), immediate).AsByte();
            case Mnemonic.Shufpd: return Vector128.Create(a.AsUInt64()[immediate & 1], b.AsUInt64()[immediate >> 1 & 1]).AsByte();
            case Mnemonic.Pshuflw: return PickWords(b.AsUInt16(), 0, immediate).AsByte();
            case Mnemonic.Pshufhw: return PickWords(b.AsUInt16(), 4, immediate).AsByte();
            case Mnemonic.Punpcklbw: return Interleave(a, b, 1, 0);
            case Mnemonic.Punpckhbw: return Interleave(a, b, 1, 8);
            case Mnemonic.Punpcklwd: return Interleave(a, b, 2, 0);
            case Mnemonic.Punpckhwd: return Interleave(a, b, 2, 8);
            case Mnemonic.Punpckldq or Mnemonic.Unpcklps: return Interleave(a, b, 4, 0);
            case Mnemonic.Punpckhdq or Mnemonic.Unpckhps: return Interleave(a, b, 4, 8);
            case Mnemonic.Punpcklqdq or Mnemonic.Unpcklpd or Mnemonic.Movlhps: return Interleave(a, b, 8, 0);
            case Mnemonic.Punpckhqdq or Mnemonic.Unpckhpd: return Interleave(a, b, 8, 8);
            case Mnemonic.Movhlps: return a.AsUInt64().WithElement(0, b.AsUInt64()[1]).AsByte();
            case Mnemonic.Packsswb: return Pack(a.AsInt16(), b.AsInt16(), sbyte.MinValue, sbyte.MaxValue);
            case Mnemonic.Packuswb: return Pack(a.AsInt16(), b.AsInt16(), byte.MinValue, byte.MaxValue);
            default: return PackDoubles(a.AsInt32(), b.AsInt32()).AsByte();
        }
    }

    private static Vector128<byte> Each8(Vector128<byte> a, Vector128<byte> b, Func<byte, byte, int> f)
    {
        for (var i = 0; i < 16; i++)
            a = a.WithElement(i, (byte)f(a[i], b[i]));
        return a;
    }

    private static Vector128<byte> Each16(Vector128<byte> a, Vector128<byte> b, Func<ushort, ushort, int> f)
    {
        var r = a.AsUInt16();
        for (var i = 0; i < 8; i++)
            r = r.WithElement(i, (ushort)f(r[i], b.AsUInt16()[i]));
        return r.AsByte();
    }

    private static Vector128<int> MultiplyAdd(Vector128<short> a, Vector128<short> b)
    {
        var r = Vector128<int>.Zero;
        for (var i = 0; i < 4; i++)
            r = r.WithElement(i, a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1]);
        return r;
    }

    private static Vector128<byte> SumOfDifferences(Vector128<byte> a, Vector128<byte> b)
    {
        var (low, high) = (0UL, 0UL);
        for (var i = 0; i < 8; i++)
        {
            low += (ulong)Math.Abs(a[i] - b[i]);
            high += (ulong)Math.Abs(a[i + 8] - b[i + 8]);
        }
        return Vector128.Create(low, high).AsByte();
    }

    private static Vector128<uint> Pick(Vector128<uint> low, Vector128<uint> high, byte order) =>
        Vector128.Create(low[order & 3], low[order >> 2 & 3], high[order >> 4 & 3], high[order >> 6]);

    private static Vector128<ushort> PickWords(Vector128<ushort> from, int at, byte order)
    {
        var r = from;
        for (var i = 0; i < 4; i++)
            r = r.WithElement(at + i, from[at + (order >> (2 * i) & 3)]);
        return r;
    }

    private static Vector128<byte> Interleave(Vector128<byte> a, Vector128<byte> b, int size, int from)
    {
        var r = Vector128<byte>.Zero;
        for (var i = 0; i < 16; i++)
        {
            var at = from + i / (2 * size) * size + i % size;
            r = r.WithElement(i, i / size % 2 == 0 ? a[at] : b[at]);
        }
        return r;
    }

    private static Vector128<byte> Pack(Vector128<short> a, Vector128<short> b, int least, int most)
    {
        var r = Vector128<byte>.Zero;
        for (var i = 0; i < 8; i++)
            r = r.WithElement(i, (byte)Math.Clamp((int)a[i], least, most)).WithElement(i + 8, (byte)Math.Clamp((int)b[i], least, most));
        return r;
    }

    private static Vector128<short> PackDoubles(Vector128<int> a, Vector128<int> b)
    {
        var r = Vector128<short>.Zero;
        for (var i = 0; i < 4; i++)
        {
            r = r.WithElement(i, (short)Math.Clamp(a[i], short.MinValue, short.MaxValue));
            r = r.WithElement(i + 4, (short)Math.Clamp(b[i], short.MinValue, short.MaxValue));
        }
        return r;
    }

    private static UInt128 AsUInt128(this Vector128<byte> vector) => new(vector.AsUInt64()[1], vector.AsUInt64()[0]);

    private static Vector128<byte> AsVector(this UInt128 value) => Vector128.Create((ulong)value, (ulong)(value >> 64)).AsByte();
}
