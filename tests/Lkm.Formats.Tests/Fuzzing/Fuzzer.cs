namespace Lkm.Formats.Tests.Fuzzing;

/// <summary>
/// Feeds mutations of good files to a reader: seeded, so that a failure repeats. LKM_FUZZ_ITERATIONS sets how many there are of
/// each file.
/// </summary>
internal static class Fuzzer
{
    private const int DefaultIterations = 400;

    /// <summary>No reader needs a hundredth of this for files of a few kilobytes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly uint[] Extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

    public static int Iterations =>
        int.TryParse(Environment.GetEnvironmentVariable("LKM_FUZZ_ITERATIONS"), out int iterations) ? iterations : DefaultIterations;

    /// <summary>Calls a reader with mutations of a file. It may refuse them; it may not throw.</summary>
    public static void Run(byte[] good, int seed, Action<byte[]> read)
    {
        read(good);
        for (int i = 0; i < Iterations; i++)
        {
            byte[] mutated = Mutate(good, new Random(seed * 1_000_003 + i));
            try
            {
                Assert.True(Task.Run(() => read(mutated)).Wait(Patience), "the reader does not end");
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"mutation {i} of seed {seed}", exception);
            }
        }
    }

    private static byte[] Mutate(byte[] good, Random random)
    {
        byte[] bytes = random.Next(8) == 0 ? good[..random.Next(good.Length + 1)] : (byte[])good.Clone();
        int changes = random.Next(2) == 0 ? 1 : random.Next(1, 16);
        for (int i = 0; i < changes && bytes.Length > 8; i++)
        {
            // Headers and tables lie at the ends.
            int at = random.Next(6) switch
            {
                0 => random.Next(Math.Min(bytes.Length, 256)),
                1 => bytes.Length - 1 - random.Next(Math.Min(bytes.Length, 1024)),
                _ => random.Next(bytes.Length),
            };
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    at = Math.Min(at, bytes.Length - 4) & ~3;
                    BitConverter.TryWriteBytes(bytes.AsSpan(at), Extremes[random.Next(Extremes.Length)]);
                    break;
                default:
                    int length = Math.Min(random.Next(1, 64), bytes.Length - at);
                    bytes.AsSpan(random.Next(bytes.Length - length + 1), length).CopyTo(bytes.AsSpan(at));
                    break;
            }
        }

        return bytes;
    }
}
