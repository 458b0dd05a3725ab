using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lkm.Machine.Translation;

/// <summary>
/// How many bytes from the start of a granule on may be accessed as whole granules, as far as one look reaches. The host's compiler puts these
/// into the code that calls them.
/// </summary>
internal static unsafe class ShadowScan
{
    private const int Far = 256; // granules
    private const byte ButState = 0xFC; // the accessible states differ in their lowest two bits

    private static readonly MethodInfo Readable16 = ((Func<nint, long>)CountReadable16).Method;
    private static readonly MethodInfo Writable16 = ((Func<nint, long>)CountWritable16).Method;
    private static readonly MethodInfo ReadableFar = ((Func<nint, long>)CountReadableFar).Method;
    private static readonly MethodInfo WritableFar = ((Func<nint, long>)CountWritableFar).Method;

    /// <summary>The method for a loop that goes on by so many bytes a round: a short look for small steps.</summary>
    internal static MethodInfo For(long stride, bool write) => stride <= 2 ? write ? Writable16 : Readable16 : write ? WritableFar : ReadableFar;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountReadable16(nint shadow) => 8L * BitOperations.TrailingZeroCount(~Vector128.Equals(
        Vector128.Load((byte*)shadow) & Vector128.Create(ButState), Vector128.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountWritable16(nint shadow) => 8L * BitOperations.TrailingZeroCount(~Vector128.Equals(
        Vector128.Load((byte*)shadow), Vector128.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountReadable64(nint shadow) => 8L * BitOperations.TrailingZeroCount(~(Readable((byte*)shadow)
        | (ulong)Readable((byte*)shadow + Vector256<byte>.Count) << Vector256<byte>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountWritable64(nint shadow) => 8L * BitOperations.TrailingZeroCount(~(Writable((byte*)shadow)
        | (ulong)Writable((byte*)shadow + Vector256<byte>.Count) << Vector256<byte>.Count));

    // Usually all of it is good, and then the more there is the better: who comes back seldom predicts seldom wrong.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountReadableFar(nint shadow) => AreAll((byte*)shadow, ButState) ? 8 * Far : CountReadable64(shadow);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountWritableFar(nint shadow) => AreAll((byte*)shadow, 0xFF) ? 8 * Far : CountWritable64(shadow);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreAll(byte* shadow, byte bits)
    {
        const byte Good = (byte)Shadow.Accessible;
        if (Vector512.IsHardwareAccelerated)
        {
            var (mask, good) = (Vector512.Create(bits), Vector512.Create(Good));
            return (((Vector512.Load(shadow) & mask) ^ good) | ((Vector512.Load(shadow + 64) & mask) ^ good)
                | ((Vector512.Load(shadow + 128) & mask) ^ good) | ((Vector512.Load(shadow + 192) & mask) ^ good)) == Vector512<byte>.Zero;
        }
        var different = Vector256<byte>.Zero;
        for (var at = 0; at < Far; at += Vector256<byte>.Count)
            different |= (Vector256.Load(shadow + at) & Vector256.Create(bits)) ^ Vector256.Create(Good);
        return different == Vector256<byte>.Zero;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Readable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow) & Vector256.Create(ButState), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Writable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();
}
