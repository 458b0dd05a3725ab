using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>A condition code, decided from the operands of the instruction that left the flags.</summary>
internal interface ICondition
{
    /// <summary>After a - b.</summary>
    static abstract bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize;

    /// <summary>After a logical operation with this result.</summary>
    static abstract bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize;

    /// <summary>After a + b.</summary>
    static abstract bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize;
}

/// <summary>The opposite condition.</summary>
internal readonly struct Not<T> : ICondition
    where T : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => !T.AfterSub<TSize>(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => !T.AfterLogic<TSize>(result);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize => !T.AfterAdd<TSize>(a, b);
}

internal readonly struct Below : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Truncate(a) < TSize.Truncate(b);

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => false;

    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Truncate(a + b) < TSize.Truncate(a);
}

internal readonly struct Equal : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Truncate(a) == TSize.Truncate(b);

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => TSize.Truncate(result) == 0;

    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Truncate(a + b) == 0;
}

internal readonly struct BelowOrEqual : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Truncate(a) <= TSize.Truncate(b);

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => TSize.Truncate(result) == 0;

    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        Below.AfterAdd<TSize>(a, b) || TSize.Truncate(a + b) == 0;
}

internal readonly struct Negative : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Signed(a - b) < 0;

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => TSize.Signed(result) < 0;

    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Signed(a + b) < 0;
}

internal readonly struct Less : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Signed(a) < TSize.Signed(b);

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => TSize.Signed(result) < 0;

    // Sign of the true sum: of the wrapped one unless both operands have the other sign.
    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize
    {
        var r = a + b;
        return TSize.Signed(r ^ ((a ^ r) & (b ^ r))) < 0;
    }
}

internal readonly struct LessOrEqual : ICondition
{
    public static bool AfterSub<TSize>(ulong a, ulong b) where TSize : struct, ISize => TSize.Signed(a) <= TSize.Signed(b);

    public static bool AfterLogic<TSize>(ulong result) where TSize : struct, ISize => TSize.Signed(result) <= 0;

    public static bool AfterAdd<TSize>(ulong a, ulong b) where TSize : struct, ISize =>
        Less.AfterAdd<TSize>(a, b) || TSize.Truncate(a + b) == 0;
}

/// <summary>A condition at a place where the kind and size of the flags are known.</summary>
internal unsafe interface IKnown
{
    static abstract bool Met<TSize, TCondition>(CpuRecord* c)
        where TSize : struct, ISize
        where TCondition : struct, ICondition;

    static abstract bool MetBy<TSize, TCondition>(ulong a, ulong b)
        where TSize : struct, ISize
        where TCondition : struct, ICondition;

    static abstract uint Kind { get; }
}

internal readonly unsafe struct KnownSub : IKnown
{
    public static uint Kind => Flags.Sub;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Met<TSize, TCondition>(CpuRecord* c) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterSub<TSize>(c->FlagA, c->FlagB);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MetBy<TSize, TCondition>(ulong a, ulong b) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterSub<TSize>(a, b);
}

internal readonly unsafe struct KnownLogic : IKnown
{
    public static uint Kind => Flags.Logic;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Met<TSize, TCondition>(CpuRecord* c) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterLogic<TSize>(c->FlagA);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MetBy<TSize, TCondition>(ulong a, ulong b) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterLogic<TSize>(a & b);
}

internal readonly unsafe struct KnownAdd : IKnown
{
    public static uint Kind => Flags.Add;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Met<TSize, TCondition>(CpuRecord* c) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterAdd<TSize>(c->FlagA, c->FlagB);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MetBy<TSize, TCondition>(ulong a, ulong b) where TSize : struct, ISize where TCondition : struct, ICondition =>
        TCondition.AfterAdd<TSize>(a, b);
}
