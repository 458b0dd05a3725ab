using System.Numerics;

namespace Lkm.Machine.Tests;

/// <summary>Counting by arithmetic gives what the library's instructions give.</summary>
public class BitsTests
{
    [Fact]
    public void Counts_and_products_are_the_librarys()
    {
        var random = new Random(2);
        ulong[] edges = [0, 1, 2, 3, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue];
        for (var i = 0; i < 20_000; i++)
        {
            var (a, b) = (Pick(), Pick());
            Assert.Equal(BitOperations.Log2(a), Bits.Log2(a));
            Assert.Equal(a == 0 ? 0 : BitOperations.TrailingZeroCount(a), Bits.TrailingZeros(a));
            Assert.Equal(BitOperations.PopCount(a), Bits.Population(a));
            Assert.Equal(Math.BigMul(a, b, out _), Bits.HighProduct(a, b));
            Assert.Equal(Math.BigMul((long)a, (long)b, out _), Bits.HighProduct((long)a, (long)b));
        }

        ulong Pick() => random.Next(2) == 0 ? edges[random.Next(edges.Length)] : (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
    }
}
