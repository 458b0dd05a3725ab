using Lkm.Kernel.Functions;
using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Random;

/// <summary>
/// The random number generator (drivers/char/random.c): seeded, so that a run can be repeated, and never without entropy.
/// SplitMix64 (Steele, Lea, Flood 2014). Not for secrets, which nothing in here keeps.
/// </summary>
public sealed partial class RandomNumbers(GuestMemory memory) : ISnapshotState
{
    /// <summary>The seed of a kernel that was given none.</summary>
    public const ulong DefaultSeed = 0x6c6b6d;

    private ulong _state = DefaultSeed;

    /// <summary>Starts the sequence of another seed.</summary>
    public void Seed(ulong seed) => _state = seed;

    /// <inheritdoc/>
    public void Save(BinaryWriter writer) => writer.Write(_state);

    /// <inheritdoc/>
    public void Restore(BinaryReader reader) => _state = reader.ReadUInt64();

    [KernelFunction("get_random_bytes")]
    [KernelFunction("get_random_bytes_arch")]
    private void GetRandomBytes(ulong buffer, ulong length)
    {
        var bytes = memory.Span(buffer, (int)length);
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)Next();
    }

    [KernelFunction("get_random_u64")]
    private ulong GetRandomU64() => Next();

    [KernelFunction("get_random_u32")]
    private uint GetRandomU32() => (uint)Next();

    [KernelFunction("get_random_u16")]
    private ushort GetRandomU16() => (ushort)Next();

    [KernelFunction("get_random_u8")]
    private byte GetRandomU8() => (byte)Next();

    [KernelFunction("wait_for_random_bytes")]
    private int WaitForRandomBytes() => 0;

    [KernelFunction("rng_is_initialized")]
    private bool RngIsInitialized() => true;

    [KernelFunction("add_device_randomness")]
    [KernelFunction("add_interrupt_randomness")]
    [KernelFunction("add_input_randomness")]
    [KernelFunction("add_disk_randomness")]
    private void AddRandomness()
    {
        // The sequence depends on the seed alone.
    }

    private ulong Next()
    {
        var z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
