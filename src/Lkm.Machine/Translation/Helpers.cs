using System.Reflection;

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

    internal static readonly MethodInfo Trailing = ((Func<ulong, int>)System.Numerics.BitOperations.TrailingZeroCount).Method;
    internal static readonly MethodInfo Highest = ((Func<ulong, int>)System.Numerics.BitOperations.Log2).Method;
    internal static readonly MethodInfo Scanned = ((Action<nint, long, int>)AfterScan).Method;

    private static bool TestCondition(nint record, int condition) => Flags.Test((CpuRecord*)record, condition);

    // What is laid over becomes part of what is below.
    private static void FlattenFlags(nint record)
    {
        var c = (CpuRecord*)record;
        if ((c->FlagKind & Flags.OverrideMask) != 0)
            Flags.SetLiteral(c, Flags.Evaluate(c));
    }

    // The flags of a scan for a bit, or of TZCNT.
    private static void AfterScan(nint record, long value, int counts)
    {
        var c = (CpuRecord*)record;
        if (counts != 0)
            Flags.Replace(c, Flags.Zero | Flags.Carry, ((value & 1) != 0 ? Flags.Zero : 0) | (value == 0 ? Flags.Carry : 0));
        else
            Flags.Replace(c, Flags.Zero, value == 0 ? Flags.Zero : 0);
    }

    private static nint SlotOf(nint record, nint site, long address)
    {
        var slot = (Slot*)((CpuRecord*)record)->Cpu.SlotOf((ulong)address);
        *(CallSite*)site = new CallSite { Address = (ulong)address, Slot = slot };
        return (nint)slot;
    }

    private static long MultiplyHigh(long a, long b) => (long)Math.BigMul((ulong)a, (ulong)b, out _);
}
