using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>Something done to a register that cannot go wrong and leaves the flags alone.</summary>
internal unsafe interface IAct
{
    static abstract void Do(Op* o, CpuRecord* c);
}

internal readonly unsafe struct Act<TOperation, TSize, TForm> : IAct
    where TOperation : struct, IOperation
    where TSize : struct, ISize
    where TForm : struct, IForm
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c)
    {
        var b = TForm.FromImmediate ? o->Imm : Handlers.Gpr(c)[o->S];
        var a = TOperation.ReadsDestination ? Handlers.Gpr(c)[o->D] : 0;
        Handlers.Put(c, o->D, TSize.Merge(a, TOperation.Do(a, b)));
    }
}

internal readonly unsafe struct LeaAct<TSize, TAddress> : IAct
    where TSize : struct, ISize
    where TAddress : struct, IAddress
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Do(Op* o, CpuRecord* c) => Handlers.Put(c, o->D, TSize.Truncate(TAddress.Of(o, c)));
}

// Two ops with one handler: finding the next handler is most of what an op costs. The second op stays where it is, with a handler of its own: an
// access of the first that is not plain goes on there.
internal static unsafe partial class Handlers
{
    private static nint Pair<TFirst, TSecond>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TFirst : struct, IAct
        where TSecond : struct, IAct
    {
        TFirst.Do(o, c);
        TSecond.Do(o + 1, c);
        o += 2;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // CMP or TEST of memory with the jump behind it.
    private static nint CompareMemoryJump<TKnown, TSize, TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
        var address = TForm.Address(o, c);
        if (!IsPlain<TSize>(address, sh, false))
            return ((Handler)c->General)(o, c, m, sh);
        var inMemory = TSize.Load(m + address);
        var a = TForm.ToMemory ? inMemory : Gpr(c)[o->D];
        var b = TForm.FromImmediate ? o->Imm : TForm.FromMemory ? inMemory : Gpr(c)[o->S];
        KeepOperands<TKnown, TSize>(c, a, b);
        o++;
        if (TKnown.MetBy<TSize, TCondition>(a, b))
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

    // The end of most loops: an addition, and a comparison joined with the jump back.
    private static nint AddCompareJump<TAdded, TSize, TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TAdded : struct, ISize
        where TSize : struct, ISize
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
        Act<AddOperation, TAdded, RegisterImmediate>.Do(o, c);
        o++;
        var a = Gpr(c)[o->D];
        var b = TForm.FromImmediate ? o->Imm : Gpr(c)[o->S];
        Flags.Set(c, Flags.Sub | ((uint)TSize.Bytes << 4), a, b);
        if (TCondition.AfterSub<TSize>(a, b))
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

    /// <summary>The handler for a comparison of memory and the jump behind it; null if there is none.</summary>
    internal static Handler ChooseCompareMemoryJump(uint kindAndSize, HotForm form, int condition) => (condition & ~1) != 4 ? null
        : ((kindAndSize & 15) == Flags.Sub, (int)(kindAndSize >> 4)) switch
        {
            (true, 1) => ChooseCompareMemoryJump<KnownSub, Size1>(form, condition),
            (true, 4) => ChooseCompareMemoryJump<KnownSub, Size4>(form, condition),
            (true, 8) => ChooseCompareMemoryJump<KnownSub, Size8>(form, condition),
            (false, 1) => ChooseCompareMemoryJump<KnownLogic, Size1>(form, condition),
            (false, 4) => ChooseCompareMemoryJump<KnownLogic, Size4>(form, condition),
            _ => null,
        };

    private static Handler ChooseCompareMemoryJump<TKnown, TSize>(HotForm form, int condition)
        where TKnown : struct, IKnown
        where TSize : struct, ISize => form switch
        {
            HotForm.RegisterBased => ChooseCompareMemoryJump<TKnown, TSize, RegisterMemory<Based>>(condition),
            HotForm.RegisterIndexed => ChooseCompareMemoryJump<TKnown, TSize, RegisterMemory<Indexed>>(condition),
            HotForm.BasedRegister => ChooseCompareMemoryJump<TKnown, TSize, MemoryRegister<Based>>(condition),
            HotForm.IndexedRegister => ChooseCompareMemoryJump<TKnown, TSize, MemoryRegister<Indexed>>(condition),
            HotForm.BasedImmediate => ChooseCompareMemoryJump<TKnown, TSize, MemoryImmediate<Based>>(condition),
            _ => ChooseCompareMemoryJump<TKnown, TSize, MemoryImmediate<Indexed>>(condition),
        };

    private static Handler ChooseCompareMemoryJump<TKnown, TSize, TForm>(int condition)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm =>
        condition == 4 ? &CompareMemoryJump<TKnown, TSize, TForm, Equal> : &CompareMemoryJump<TKnown, TSize, TForm, Not<Equal>>;

    /// <summary>The handler for an addition and the loop's end behind it; null if there is none.</summary>
    internal static Handler ChooseAddCompareJump(int added, uint kindAndSize, bool immediate, int condition) =>
        condition != 5 || (kindAndSize & 15) != Flags.Sub ? null : (added, (int)(kindAndSize >> 4)) switch
        {
            (4, 4) => ChooseAddCompareJump<Size4, Size4>(immediate),
            (8, 4) => ChooseAddCompareJump<Size8, Size4>(immediate),
            (8, 8) => ChooseAddCompareJump<Size8, Size8>(immediate),
            _ => null,
        };

    private static Handler ChooseAddCompareJump<TAdded, TSize>(bool immediate)
        where TAdded : struct, ISize
        where TSize : struct, ISize =>
        immediate ? &AddCompareJump<TAdded, TSize, RegisterImmediate, Not<Equal>> : &AddCompareJump<TAdded, TSize, RegisterRegister, Not<Equal>>;

    /// <summary>The handler for two operations whose flags nobody can see; null if there is none.</summary>
    internal static Handler ChoosePair(SilentOp first, SilentOp second) => first.Size != second.Size ? null
        : first.Size == 4 ? ChoosePair<Size4>(first, second) : ChoosePair<Size8>(first, second);

    private static Handler ChoosePair<TSize>(SilentOp first, SilentOp second)
        where TSize : struct, ISize => (first.Operation, first.Immediate) switch
        {
            (SilentOperation.Move, false) => ChoosePair<Act<MoveOperation, TSize, RegisterRegister>, TSize>(second),
            (SilentOperation.Add, false) => ChoosePair<Act<AddOperation, TSize, RegisterRegister>, TSize>(second),
            (SilentOperation.And, false) => ChoosePair<Act<AndOperation, TSize, RegisterRegister>, TSize>(second),
            (SilentOperation.Xor, false) => ChoosePair<Act<XorOperation, TSize, RegisterRegister>, TSize>(second),
            (SilentOperation.RotateLeft, true) => ChoosePair<Act<LeftRotation<TSize>, TSize, RegisterImmediate>, TSize>(second),
            (SilentOperation.ShiftRight, true) => ChoosePair<Act<RightShift<TSize>, TSize, RegisterImmediate>, TSize>(second),
            (SilentOperation.Add, true) => ChoosePair<Act<AddOperation, TSize, RegisterImmediate>, TSize>(second),
            (SilentOperation.LoadAddress, _) => ChoosePair<LeaAct<TSize, Based>, TSize>(second),
            (SilentOperation.LoadIndexedAddress, _) => ChoosePair<LeaAct<TSize, Indexed>, TSize>(second),
            _ => null,
        };

    private static Handler ChoosePair<TFirst, TSize>(SilentOp second)
        where TFirst : struct, IAct
        where TSize : struct, ISize => (second.Operation, second.Immediate) switch
        {
            (SilentOperation.Move, false) => PairOf<TFirst, Act<MoveOperation, TSize, RegisterRegister>>(),
            (SilentOperation.Add, false) => PairOf<TFirst, Act<AddOperation, TSize, RegisterRegister>>(),
            (SilentOperation.And, false) => PairOf<TFirst, Act<AndOperation, TSize, RegisterRegister>>(),
            (SilentOperation.Xor, false) => PairOf<TFirst, Act<XorOperation, TSize, RegisterRegister>>(),
            (SilentOperation.RotateLeft, true) => PairOf<TFirst, Act<LeftRotation<TSize>, TSize, RegisterImmediate>>(),
            (SilentOperation.ShiftRight, true) => PairOf<TFirst, Act<RightShift<TSize>, TSize, RegisterImmediate>>(),
            (SilentOperation.Add, true) => PairOf<TFirst, Act<AddOperation, TSize, RegisterImmediate>>(),
            (SilentOperation.LoadAddress, _) => PairOf<TFirst, LeaAct<TSize, Based>>(),
            (SilentOperation.LoadIndexedAddress, _) => PairOf<TFirst, LeaAct<TSize, Indexed>>(),
            _ => null,
        };

    private static Handler PairOf<TFirst, TSecond>()
        where TFirst : struct, IAct
        where TSecond : struct, IAct => &Pair<TFirst, TSecond>;
}
