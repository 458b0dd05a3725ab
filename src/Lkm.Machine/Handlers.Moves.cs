using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>A move between a register and memory.</summary>
internal unsafe interface IMove
{
    static abstract ulong Address(Op* o, CpuRecord* c);

    static abstract bool IsAllowed(ulong address, byte* sh);

    static abstract void Do(Op* o, CpuRecord* c, byte* m, ulong address);
}

/// <summary>MOV to a register, or MOVZX.</summary>
internal readonly unsafe struct LoadMove<TSize, TAddress> : IMove
    where TSize : struct, ISize
    where TAddress : struct, IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => TAddress.Of(o, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllowed(ulong address, byte* sh) => Handlers.IsPlain<TSize>(address, sh, false);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c, byte* m, ulong address) => Handlers.Put(c, o->D, TSize.Load(m + address));
}

/// <summary>MOV to memory.</summary>
internal readonly unsafe struct StoreMove<TSize, TAddress> : IMove
    where TSize : struct, ISize
    where TAddress : struct, IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => TAddress.Of(o, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllowed(ulong address, byte* sh) => Handlers.IsPlain<TSize>(address, sh, true);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c, byte* m, ulong address) => TSize.Store(m + address, Handlers.Gpr(c)[o->S]);
}

internal readonly unsafe struct PushMove : IMove
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => Handlers.Gpr(c)[CpuRecord.Rsp] - 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllowed(ulong address, byte* sh) => Handlers.IsPlain<Size8>(address, sh, true);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c, byte* m, ulong address)
    {
        *(ulong*)(m + address) = Handlers.Gpr(c)[o->S];
        Handlers.Gpr(c)[CpuRecord.Rsp] = address;
    }
}

internal readonly unsafe struct PopMove : IMove
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Op* o, CpuRecord* c) => Handlers.Gpr(c)[CpuRecord.Rsp];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsAllowed(ulong address, byte* sh) => Handlers.IsPlain<Size8>(address, sh, false);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c, byte* m, ulong address)
    {
        Handlers.Gpr(c)[CpuRecord.Rsp] = address + 8;
        Handlers.Put(c, o->D, *(ulong*)(m + address));
    }
}

// Moves between registers and memory, two of them with one handler, or one with the comparison and jump behind it.
internal static unsafe partial class Handlers
{
    private static nint MovePair<TFirst, TSecond>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TFirst : struct, IMove
        where TSecond : struct, IMove
    {
        var address = TFirst.Address(o, c);
        if (!TFirst.IsAllowed(address, sh))
            return ((Handler)c->General)(o, c, m, sh);
        TFirst.Do(o, c, m, address);
        o++;
        address = TSecond.Address(o, c);
        if (!TSecond.IsAllowed(address, sh))
            return ((Handler)c->General)(o, c, m, sh);
        TSecond.Do(o, c, m, address);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint MoveCompareJump<TMove, TKnown, TSize, TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TMove : struct, IMove
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
        var address = TMove.Address(o, c);
        if (!TMove.IsAllowed(address, sh))
            return ((Handler)c->General)(o, c, m, sh);
        TMove.Do(o, c, m, address);
        o++;
        var a = Gpr(c)[o->D];
        var b = TForm.FromImmediate ? o->Imm : Gpr(c)[o->S];
        KeepOperands<TKnown, TSize>(c, a, b);
        if (TKnown.MetBy<TSize, TCondition>(a, b))
        {
            var left = Charge(o, c, 2);
            var target = o->Target;
            if (target == null || left <= 0)
                return Depart(o, c);
            return ((Handler)target->Handler)(target, c, m, sh);
        }
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // A byte compared with another one in memory, as searches do; the jump is an op of its own behind the comparison.
    private static nint LoadCompareMemoryJump<TMove, TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TMove : struct, IMove
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
        var address = TMove.Address(o, c);
        if (!TMove.IsAllowed(address, sh))
            return ((Handler)c->General)(o, c, m, sh);
        TMove.Do(o, c, m, address);
        o++;
        address = TForm.Address(o, c);
        if (!IsPlain<Size1>(address, sh, false))
            return ((Handler)c->General)(o, c, m, sh);
        var (a, b) = ((ulong)m[address], Gpr(c)[o->S]);
        Flags.Set(c, Flags.Sub | (1 << 4), a, b);
        o++;
        if (TCondition.AfterSub<Size1>(a, b))
        {
            var left = Charge(o, c, 1);
            var target = o->Target;
            if (target == null || left <= 0)
                return Depart(o, c);
            return ((Handler)target->Handler)(target, c, m, sh);
        }
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // The end of a search: an addition, whose flags an access that is not plain leaves behind, and a byte compared with a constant.
    private static nint AddCompareMemoryJump<TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
        var sum = Gpr(c)[o->D];
        Flags.Set(c, Flags.Add | (8 << 4), sum, o->Imm);
        Put(c, o->D, sum + o->Imm);
        o++;
        var address = TForm.Address(o, c);
        if (!IsPlain<Size1>(address, sh, false))
            return ((Handler)c->General)(o, c, m, sh);
        ulong a = m[address];
        Flags.Set(c, Flags.Sub | (1 << 4), a, o->Imm);
        var isMet = TCondition.AfterSub<Size1>(a, o->Imm);
        o++;
        if (isMet)
        {
            var left = Charge(o, c, 1);
            var target = o->Target;
            if (target == null || left <= 0)
                return Depart(o, c);
            return ((Handler)target->Handler)(target, c, m, sh);
        }
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    /// <summary>The handler for an addition of a constant to 64 bits and the comparison and jump behind it; null if there is none.</summary>
    internal static Handler ChooseAddMemoryJump(CompareAndJump jump) => (jump.KindAndSize, jump.Form, jump.Condition) switch
    {
        (Flags.Sub | (1 << 4), HotForm.BasedImmediate, 4) => &AddCompareMemoryJump<MemoryImmediate<Based>, Equal>,
        (Flags.Sub | (1 << 4), HotForm.BasedImmediate, 5) => &AddCompareMemoryJump<MemoryImmediate<Based>, Not<Equal>>,
        (Flags.Sub | (1 << 4), HotForm.IndexedImmediate, 4) => &AddCompareMemoryJump<MemoryImmediate<Indexed>, Equal>,
        (Flags.Sub | (1 << 4), HotForm.IndexedImmediate, 5) => &AddCompareMemoryJump<MemoryImmediate<Indexed>, Not<Equal>>,
        _ => null,
    };

    /// <summary>The handler for two moves; null if there is none.</summary>
    internal static Handler ChooseMovePair(Move first, Move second) => (first.Kind, first.Size) switch
    {
        (MoveKind.Push, _) => second.Kind == MoveKind.Push ? &MovePair<PushMove, PushMove> : null,
        (MoveKind.Pop, _) => second.Kind == MoveKind.Pop ? &MovePair<PopMove, PopMove> : null,
        (MoveKind.Load, 1) when second.Size == 1 => ChooseAfterLoad<Size1, Size1>(first, second),
        (MoveKind.Load, 4) when second.Size == 4 => ChooseAfterLoad<Size4, Size4>(first, second),
        (MoveKind.Load, 4) when second.Size == 8 => ChooseAfterLoad<Size4, Size8>(first, second),
        (MoveKind.Load, 8) when second.Size == 4 => ChooseAfterLoad<Size8, Size4>(first, second),
        (MoveKind.Load, 8) when second.Size == 8 => ChooseAfterLoad<Size8, Size8>(first, second),
        (MoveKind.Store, 4) when second is { Kind: MoveKind.Store, Size: 4 } => ChooseStores<Size4>(first, second),
        (MoveKind.Store, 8) when second is { Kind: MoveKind.Store, Size: 8 } => ChooseStores<Size8>(first, second),
        _ => null,
    };

    private static Handler ChooseAfterLoad<TFirst, TSecond>(Move first, Move second)
        where TFirst : struct, ISize
        where TSecond : struct, ISize => (first.Indexed, second.Kind, second.Indexed) switch
        {
            (false, MoveKind.Load, false) => &MovePair<LoadMove<TFirst, Based>, LoadMove<TSecond, Based>>,
            (false, MoveKind.Load, true) => &MovePair<LoadMove<TFirst, Based>, LoadMove<TSecond, Indexed>>,
            (true, MoveKind.Load, false) => &MovePair<LoadMove<TFirst, Indexed>, LoadMove<TSecond, Based>>,
            (true, MoveKind.Load, true) => &MovePair<LoadMove<TFirst, Indexed>, LoadMove<TSecond, Indexed>>,
            (false, MoveKind.Store, false) => &MovePair<LoadMove<TFirst, Based>, StoreMove<TSecond, Based>>,
            (false, MoveKind.Store, true) => &MovePair<LoadMove<TFirst, Based>, StoreMove<TSecond, Indexed>>,
            (true, MoveKind.Store, false) => &MovePair<LoadMove<TFirst, Indexed>, StoreMove<TSecond, Based>>,
            (true, MoveKind.Store, true) => &MovePair<LoadMove<TFirst, Indexed>, StoreMove<TSecond, Indexed>>,
            _ => null,
        };

    private static Handler ChooseStores<TSize>(Move first, Move second)
        where TSize : struct, ISize => (first.Indexed, second.Indexed) switch
        {
            (false, false) => &MovePair<StoreMove<TSize, Based>, StoreMove<TSize, Based>>,
            (false, true) => &MovePair<StoreMove<TSize, Based>, StoreMove<TSize, Indexed>>,
            (true, false) => &MovePair<StoreMove<TSize, Indexed>, StoreMove<TSize, Based>>,
            _ => &MovePair<StoreMove<TSize, Indexed>, StoreMove<TSize, Indexed>>,
        };

    /// <summary>The handler for a load and the comparison and jump behind it; null if there is none.</summary>
    internal static Handler ChooseLoadJump(Move load, CompareAndJump jump) => load.Kind != MoveKind.Load || (jump.Condition & ~1) != 4 ? null
        : (load.Size, load.Indexed) switch
        {
            (1, false) => ChooseLoadJump<LoadMove<Size1, Based>>(jump),
            (1, true) => ChooseLoadJump<LoadMove<Size1, Indexed>>(jump),
            (8, false) => ChooseLoadJump<LoadMove<Size8, Based>>(jump),
            (8, true) => ChooseLoadJump<LoadMove<Size8, Indexed>>(jump),
            _ => null,
        };

    private static Handler ChooseLoadJump<TMove>(CompareAndJump jump)
        where TMove : struct, IMove => ((jump.KindAndSize & 15) == Flags.Sub, (int)(jump.KindAndSize >> 4), jump.Form) switch
        {
            (true, 1, HotForm.RegisterRegister) => ChooseLoadJump<TMove, KnownSub, Size1, RegisterRegister>(jump.Condition),
            (true, 1, HotForm.RegisterImmediate) => ChooseLoadJump<TMove, KnownSub, Size1, RegisterImmediate>(jump.Condition),
            (true, 8, HotForm.RegisterRegister) => ChooseLoadJump<TMove, KnownSub, Size8, RegisterRegister>(jump.Condition),
            (false, 1, HotForm.RegisterRegister) => ChooseLoadJump<TMove, KnownLogic, Size1, RegisterRegister>(jump.Condition),
            (false, 8, HotForm.RegisterRegister) => ChooseLoadJump<TMove, KnownLogic, Size8, RegisterRegister>(jump.Condition),
            (true, 1, HotForm.BasedRegister) => ChooseLoadMemoryJump<TMove, MemoryRegister<Based>>(jump.Condition),
            (true, 1, HotForm.IndexedRegister) => ChooseLoadMemoryJump<TMove, MemoryRegister<Indexed>>(jump.Condition),
            _ => null,
        };

    private static Handler ChooseLoadJump<TMove, TKnown, TSize, TForm>(int condition)
        where TMove : struct, IMove
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm =>
        condition == 4 ? &MoveCompareJump<TMove, TKnown, TSize, TForm, Equal> : &MoveCompareJump<TMove, TKnown, TSize, TForm, Not<Equal>>;

    private static Handler ChooseLoadMemoryJump<TMove, TForm>(int condition)
        where TMove : struct, IMove
        where TForm : struct, IForm =>
        condition == 4 ? &LoadCompareMemoryJump<TMove, TForm, Equal> : &LoadCompareMemoryJump<TMove, TForm, Not<Equal>>;
}
