using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Type parameters of the hot handlers: the compiler makes straight code of each combination that is used.

/// <summary>An operand size.</summary>
internal unsafe interface ISize
{
    static abstract int Bytes { get; }

    static abstract ulong Load(byte* p);

    static abstract void Store(byte* p, ulong value);

    static abstract ulong Truncate(ulong value);

    static abstract long Signed(ulong value);

    /// <summary>What a register holds after its low part was written.</summary>
    static abstract ulong Merge(ulong old, ulong value);
}

internal readonly unsafe struct Size1 : ISize
{
    public static int Bytes => 1;

    public static ulong Load(byte* p) => *p;

    public static void Store(byte* p, ulong value) => *p = (byte)value;

    public static ulong Truncate(ulong value) => (byte)value;

    public static long Signed(ulong value) => (sbyte)value;

    public static ulong Merge(ulong old, ulong value) => (old & ~0xFFUL) | (byte)value;
}

internal readonly unsafe struct Size2 : ISize
{
    public static int Bytes => 2;

    public static ulong Load(byte* p) => Unsafe.ReadUnaligned<ushort>(p);

    public static void Store(byte* p, ulong value) => Unsafe.WriteUnaligned(p, (ushort)value);

    public static ulong Truncate(ulong value) => (ushort)value;

    public static long Signed(ulong value) => (short)value;

    public static ulong Merge(ulong old, ulong value) => (old & ~0xFFFFUL) | (ushort)value;
}

internal readonly unsafe struct Size4 : ISize
{
    public static int Bytes => 4;

    public static ulong Load(byte* p) => Unsafe.ReadUnaligned<uint>(p);

    public static void Store(byte* p, ulong value) => Unsafe.WriteUnaligned(p, (uint)value);

    public static ulong Truncate(ulong value) => (uint)value;

    public static long Signed(ulong value) => (int)value;

    public static ulong Merge(ulong old, ulong value) => (uint)value;
}

internal readonly unsafe struct Size8 : ISize
{
    public static int Bytes => 8;

    public static ulong Load(byte* p) => Unsafe.ReadUnaligned<ulong>(p);

    public static void Store(byte* p, ulong value) => Unsafe.WriteUnaligned(p, value);

    public static ulong Truncate(ulong value) => value;

    public static long Signed(ulong value) => (long)value;

    public static ulong Merge(ulong old, ulong value) => value;
}

/// <summary>How an address is computed.</summary>
internal unsafe interface IAddress
{
    static abstract ulong Of(Op* o, CpuRecord* c);
}

/// <summary>Base and displacement.</summary>
internal readonly unsafe struct Based : IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(Op* o, CpuRecord* c) => Handlers.Gpr(c)[o->B] + (ulong)o->Disp;
}

/// <summary>Base, index and displacement.</summary>
internal readonly unsafe struct Indexed : IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(Op* o, CpuRecord* c) => Handlers.Gpr(c)[o->B] + (Handlers.Gpr(c)[o->X] << o->Scale) + (ulong)o->Disp;
}

/// <summary>Where the operands are.</summary>
internal unsafe interface IForm
{
    static abstract bool ToMemory { get; }

    static abstract bool FromMemory { get; }

    static abstract bool FromImmediate { get; }

    static abstract ulong Address(Op* o, CpuRecord* c);
}

internal readonly unsafe struct RegisterRegister : IForm
{
    public static bool ToMemory => false;

    public static bool FromMemory => false;

    public static bool FromImmediate => false;

    public static ulong Address(Op* o, CpuRecord* c) => 0;
}

internal readonly unsafe struct RegisterImmediate : IForm
{
    public static bool ToMemory => false;

    public static bool FromMemory => false;

    public static bool FromImmediate => true;

    public static ulong Address(Op* o, CpuRecord* c) => 0;
}

internal readonly unsafe struct RegisterMemory<TAddress> : IForm
    where TAddress : struct, IAddress
{
    public static bool ToMemory => false;

    public static bool FromMemory => true;

    public static bool FromImmediate => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => TAddress.Of(o, c);
}

internal readonly unsafe struct MemoryRegister<TAddress> : IForm
    where TAddress : struct, IAddress
{
    public static bool ToMemory => true;

    public static bool FromMemory => false;

    public static bool FromImmediate => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => TAddress.Of(o, c);
}

internal readonly unsafe struct MemoryImmediate<TAddress> : IForm
    where TAddress : struct, IAddress
{
    public static bool ToMemory => true;

    public static bool FromMemory => false;

    public static bool FromImmediate => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => TAddress.Of(o, c);
}

/// <summary>An operation of two operands.</summary>
internal interface IOperation
{
    /// <summary>The kind of flags it leaves, or <see cref="Flags.Literal"/> for none.</summary>
    static abstract uint Kind { get; }

    static abstract bool Writes { get; }

    static abstract bool ReadsDestination { get; }

    static abstract ulong Do(ulong a, ulong b);
}

internal readonly struct MoveOperation : IOperation
{
    public static uint Kind => Flags.Literal;

    public static bool Writes => true;

    public static bool ReadsDestination => false;

    public static ulong Do(ulong a, ulong b) => b;
}

internal readonly struct AddOperation : IOperation
{
    public static uint Kind => Flags.Add;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a + b;
}

internal readonly struct SubOperation : IOperation
{
    public static uint Kind => Flags.Sub;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a - b;
}

internal readonly struct CompareOperation : IOperation
{
    public static uint Kind => Flags.Sub;

    public static bool Writes => false;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a - b;
}

internal readonly struct AndOperation : IOperation
{
    public static uint Kind => Flags.Logic;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a & b;
}

internal readonly struct TestOperation : IOperation
{
    public static uint Kind => Flags.Logic;

    public static bool Writes => false;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a & b;
}

internal readonly struct OrOperation : IOperation
{
    public static uint Kind => Flags.Logic;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a | b;
}

internal readonly struct XorOperation : IOperation
{
    public static uint Kind => Flags.Logic;

    public static bool Writes => true;

    public static bool ReadsDestination => true;

    public static ulong Do(ulong a, ulong b) => a ^ b;
}
