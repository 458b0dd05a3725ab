using Iced.Intel;

namespace Lkm.Machine;

/// <summary>
/// What SSE and SSE2 compute with floating-point numbers, for modules that use them between kernel_fpu_begin() and kernel_fpu_end(). Numbers are their bits. Rounding
/// is to nearest and exceptions are masked, as the kernel sets MXCSR up.
/// </summary>
internal static class ScalarOperations
{
    /// <summary>Whether an instruction computes one number from two of the same size, or, for a root, from one.</summary>
    internal static bool IsArithmetic(Mnemonic mnemonic) => mnemonic is Mnemonic.Addss or Mnemonic.Subss or Mnemonic.Mulss or Mnemonic.Divss or Mnemonic.Minss
        or Mnemonic.Maxss or Mnemonic.Sqrtss or Mnemonic.Addsd or Mnemonic.Subsd or Mnemonic.Mulsd or Mnemonic.Divsd or Mnemonic.Minsd or Mnemonic.Maxsd
        or Mnemonic.Sqrtsd;

    /// <summary>Whether an instruction computes with all numbers of a register.</summary>
    internal static bool IsPacked(Mnemonic mnemonic) => ScalarOf(mnemonic) != Mnemonic.INVALID;

    /// <summary>The instruction that does with one number what this one does with all of them.</summary>
    internal static Mnemonic ScalarOf(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Addps => Mnemonic.Addss,
        Mnemonic.Subps => Mnemonic.Subss,
        Mnemonic.Mulps => Mnemonic.Mulss,
        Mnemonic.Divps => Mnemonic.Divss,
        Mnemonic.Minps => Mnemonic.Minss,
        Mnemonic.Maxps => Mnemonic.Maxss,
        Mnemonic.Sqrtps => Mnemonic.Sqrtss,
        Mnemonic.Addpd => Mnemonic.Addsd,
        Mnemonic.Subpd => Mnemonic.Subsd,
        Mnemonic.Mulpd => Mnemonic.Mulsd,
        Mnemonic.Divpd => Mnemonic.Divsd,
        Mnemonic.Minpd => Mnemonic.Minsd,
        Mnemonic.Maxpd => Mnemonic.Maxsd,
        Mnemonic.Sqrtpd => Mnemonic.Sqrtsd,
        _ => Mnemonic.INVALID,
    };

    /// <summary>Single precision.</summary>
    internal static uint Single(Mnemonic mnemonic, uint first, uint second)
    {
        const uint quiet = 0x0040_0000;
        float a = BitConverter.UInt32BitsToSingle(first), b = BitConverter.UInt32BitsToSingle(second);
        if (mnemonic is not (Mnemonic.Minss or Mnemonic.Maxss or Mnemonic.Sqrtss) && (float.IsNaN(a) || float.IsNaN(b)))
            return (float.IsNaN(a) ? first : second) | quiet;
        return BitConverter.SingleToUInt32Bits(mnemonic switch
        {
            Mnemonic.Addss => a + b,
            Mnemonic.Subss => a - b,
            Mnemonic.Mulss => a * b,
            Mnemonic.Divss => a / b,
            Mnemonic.Minss => a < b ? a : b,
            Mnemonic.Maxss => a > b ? a : b,
            _ => MathF.Sqrt(b),
        });
    }

    /// <summary>Double precision.</summary>
    internal static ulong Double(Mnemonic mnemonic, ulong first, ulong second)
    {
        const ulong quiet = 0x0008_0000_0000_0000;
        double a = BitConverter.UInt64BitsToDouble(first), b = BitConverter.UInt64BitsToDouble(second);
        if (mnemonic is not (Mnemonic.Minsd or Mnemonic.Maxsd or Mnemonic.Sqrtsd) && (double.IsNaN(a) || double.IsNaN(b)))
            return (double.IsNaN(a) ? first : second) | quiet;
        return BitConverter.DoubleToUInt64Bits(mnemonic switch
        {
            Mnemonic.Addsd => a + b,
            Mnemonic.Subsd => a - b,
            Mnemonic.Mulsd => a * b,
            Mnemonic.Divsd => a / b,
            Mnemonic.Minsd => a < b ? a : b,
            Mnemonic.Maxsd => a > b ? a : b,
            _ => Math.Sqrt(b),
        });
    }

    /// <summary>A whole number of 4 or 8 bytes; the one with only its sign bit set where the value has none.</summary>
    internal static ulong ToInteger(double value, int size, bool truncates)
    {
        var whole = truncates ? Math.Truncate(value) : Math.Round(value, MidpointRounding.ToEven);
        if (size == 4)
            return whole is >= int.MinValue and <= int.MaxValue ? (uint)(int)whole : 0x8000_0000;
        const double limit = 9223372036854775808.0;
        return whole is >= -limit and < limit ? (ulong)(long)whole : 0x8000_0000_0000_0000;
    }

    /// <summary>The flags of a comparison.</summary>
    internal static ulong Compare(double a, double b) =>
        double.IsNaN(a) || double.IsNaN(b) ? Flags.Zero | Flags.Parity | Flags.Carry : a > b ? 0 : a < b ? Flags.Carry : Flags.Zero;
}
