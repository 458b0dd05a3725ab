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
    private const byte ButState = 0xFC; // the accessible states differ in their lowest two bits

    private static readonly MethodInfo Readable16 = ((Func<nint, long>)CountReadable16).Method;
    private static readonly MethodInfo Writable16 = ((Func<nint, long>)CountWritable16).Method;
    private static readonly MethodInfo Readable64 = ((Func<nint, long>)CountReadable64).Method;
    private static readonly MethodInfo Writable64 = ((Func<nint, long>)CountWritable64).Method;

    /// <summary>The method for a loop that goes on by so many bytes a round: a short look for small steps.</summary>
    internal static MethodInfo For(long stride, bool write) => stride <= 2 ? write ? Writable16 : Readable16 : write ? Writable64 : Readable64;

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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Readable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow) & Vector256.Create(ButState), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Writable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();
}
