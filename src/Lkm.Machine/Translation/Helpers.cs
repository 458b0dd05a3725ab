using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lkm.Machine.Translation;

/// <summary>What translated code calls by name.</summary>
internal static unsafe class Helpers
{
    internal static readonly MethodInfo Test = ((Func<nint, int, bool>)TestCondition).Method;
    internal static readonly MethodInfo Flatten = ((Action<nint>)FlattenFlags).Method;
    internal static readonly MethodInfo FindSlot = ((Func<nint, nint, long, nint>)SlotOf).Method;
    internal static readonly MethodInfo HighUnsigned = ((Func<long, long, long>)MultiplyHigh).Method;
    internal static readonly MethodInfo Swap4 = ((Func<uint, uint>)System.Buffers.Binary.BinaryPrimitives.ReverseEndianness).Method;
    internal static readonly MethodInfo Swap8 = ((Func<ulong, ulong>)System.Buffers.Binary.BinaryPrimitives.ReverseEndianness).Method;
    internal static readonly MethodInfo RotateLeft4 = ((Func<uint, int, uint>)System.Numerics.BitOperations.RotateLeft).Method;
    internal static readonly MethodInfo RotateLeft8 = ((Func<ulong, int, ulong>)System.Numerics.BitOperations.RotateLeft).Method;

    internal static readonly MethodInfo ReadableAhead = ((Func<nint, long>)CountReadable).Method;
    internal static readonly MethodInfo WritableAhead = ((Func<nint, long>)CountWritable).Method;

    /// <summary>The most that <see cref="ReadableAhead"/> and <see cref="WritableAhead"/> look at.</summary>
    internal const int GranulesAhead = 64;

    // How many of the 64 granules from one on may be read as a whole; the accessible states differ in their lowest two bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountReadable(nint shadow) =>
        BitOperations.TrailingZeroCount(~(Readable((byte*)shadow) | (ulong)Readable((byte*)shadow + Vector256<byte>.Count) << Vector256<byte>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountWritable(nint shadow) =>
        BitOperations.TrailingZeroCount(~(Writable((byte*)shadow) | (ulong)Writable((byte*)shadow + Vector256<byte>.Count) << Vector256<byte>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Readable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow) & Vector256.Create((byte)0xFC), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Writable(byte* shadow) =>
        Vector256.Equals(Vector256.Load(shadow), Vector256.Create((byte)Shadow.Accessible)).ExtractMostSignificantBits();

    private static bool TestCondition(nint record, int condition) => Flags.Test((CpuRecord*)record, condition);

    // What is laid over becomes part of what is below.
    private static void FlattenFlags(nint record)
    {
        var c = (CpuRecord*)record;
        if ((c->FlagKind & Flags.OverrideMask) != 0)
            Flags.SetLiteral(c, Flags.Evaluate(c));
    }

    private static nint SlotOf(nint record, nint site, long address)
    {
        var slot = (Slot*)((CpuRecord*)record)->Cpu.SlotOf((ulong)address);
        *(CallSite*)site = new CallSite { Address = (ulong)address, Slot = slot };
        return (nint)slot;
    }

    private static long MultiplyHigh(long a, long b) => (long)Math.BigMul((ulong)a, (ulong)b, out _);
}
