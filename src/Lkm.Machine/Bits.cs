namespace Lkm.Machine;

/// <summary>
/// Counts of bits, and the upper half of a product, by arithmetic that every processor has. The library's are as good as one instruction, but
/// not in a program that is compiled ahead for processors with that instruction and without: a method that uses them is then left out, and
/// compiled at run time.
/// </summary>
public static class Bits
{
    /// <summary>The number of the highest bit that is set; 0 of zero.</summary>
    public static int Log2(ulong value)
    {
        var log = 0;
        for (var half = 32; half > 0; half >>= 1)
        {
            if (value >> half == 0)
                continue;
            value >>= half;
            log += half;
        }
        return log;
    }

    /// <summary>The number of the lowest bit that is set; 0 of zero.</summary>
    public static int TrailingZeros(ulong value) => Log2(value & (0 - value));

    /// <summary>How many bits are set.</summary>
    public static int Population(ulong value)
    {
        value -= value >> 1 & 0x5555_5555_5555_5555;
        value = (value & 0x3333_3333_3333_3333) + (value >> 2 & 0x3333_3333_3333_3333);
        value = value + (value >> 4) & 0x0F0F_0F0F_0F0F_0F0F;
        return (int)(value * 0x0101_0101_0101_0101 >> 56);
    }

    /// <summary>The upper 64 bits of a product.</summary>
    internal static ulong HighProduct(ulong a, ulong b)
    {
        ulong a0 = (uint)a, a1 = a >> 32, b0 = (uint)b, b1 = b >> 32;
        var middle = a1 * b0 + (a0 * b0 >> 32);
        var other = a0 * b1 + (uint)middle;
        return a1 * b1 + (middle >> 32) + (other >> 32);
    }

    /// <summary>The upper 64 bits of a product of signed numbers.</summary>
    internal static long HighProduct(long a, long b) =>
        (long)HighProduct((ulong)a, (ulong)b) - (a >> 63 & b) - (b >> 63 & a);
}
