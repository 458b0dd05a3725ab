namespace Lkm.Machine;

/// <summary>What a handler chosen by condition does with it.</summary>
internal enum ConditionalUse
{
    Jump, Set, Move,
}

/// <summary>Where the operands of a hot handler are.</summary>
internal enum HotForm
{
    RegisterRegister, RegisterImmediate, RegisterBased, RegisterIndexed, BasedRegister, IndexedRegister, BasedImmediate, IndexedImmediate,
}

// From what an instruction is to the instance of the generic handler for it. Small methods: each loads all the handlers that it
// names when it first runs.
internal static unsafe partial class Handlers
{
    internal static Handler ChooseAlu<TOperation>(int size, HotForm form)
        where TOperation : struct, IOperation => size switch
        {
            1 => ChooseAlu<TOperation, Size1>(form),
            2 => ChooseAlu<TOperation, Size2>(form),
            4 => ChooseAlu<TOperation, Size4>(form),
            _ => ChooseAlu<TOperation, Size8>(form),
        };

    private static Handler ChooseAlu<TOperation, TSize>(HotForm form)
        where TOperation : struct, IOperation
        where TSize : struct, ISize => form switch
        {
            HotForm.RegisterRegister => &Operate<TOperation, TSize, RegisterRegister>,
            HotForm.RegisterImmediate => &Operate<TOperation, TSize, RegisterImmediate>,
            HotForm.RegisterBased => &Operate<TOperation, TSize, RegisterMemory<Based>>,
            HotForm.RegisterIndexed => &Operate<TOperation, TSize, RegisterMemory<Indexed>>,
            HotForm.BasedRegister => &Operate<TOperation, TSize, MemoryRegister<Based>>,
            HotForm.IndexedRegister => &Operate<TOperation, TSize, MemoryRegister<Indexed>>,
            HotForm.BasedImmediate => &Operate<TOperation, TSize, MemoryImmediate<Based>>,
            _ => &Operate<TOperation, TSize, MemoryImmediate<Indexed>>,
        };

    internal static Handler ChooseExtend(int from, int to, HotForm form, bool signed) => (from, signed, to) switch
    {
        (1, false, _) => ChooseExtend<Size1, Size8, Unsigned>(form),
        (2, false, _) => ChooseExtend<Size2, Size8, Unsigned>(form),
        (1, true, 4) => ChooseExtend<Size1, Size4, Signed>(form),
        (2, true, 4) => ChooseExtend<Size2, Size4, Signed>(form),
        (1, true, 8) => ChooseExtend<Size1, Size8, Signed>(form),
        (2, true, 8) => ChooseExtend<Size2, Size8, Signed>(form),
        _ => ChooseExtend<Size4, Size8, Signed>(form),
    };

    private static Handler ChooseExtend<TSize, TTo, TSigned>(HotForm form)
        where TSize : struct, ISize
        where TTo : struct, ISize
        where TSigned : struct => form switch
        {
            HotForm.RegisterRegister => &Extend<TSize, TTo, RegisterRegister, TSigned>,
            HotForm.RegisterBased => &Extend<TSize, TTo, RegisterMemory<Based>, TSigned>,
            _ => &Extend<TSize, TTo, RegisterMemory<Indexed>, TSigned>,
        };

    internal static Handler ChooseLea(int size, bool indexed) => (size, indexed) switch
    {
        (4, false) => &Lea<Size4, Based>,
        (4, true) => &Lea<Size4, Indexed>,
        (_, false) => &Lea<Size8, Based>,
        _ => &Lea<Size8, Indexed>,
    };

    internal static Handler HotPush => &PushRegister;

    internal static Handler HotPop => &PopRegister;

    internal static Handler ChooseShift(Shift shift, int size) => (shift, size) switch
    {
        (Shift.Shl, 4) => &ShiftLeft<Size4>,
        (Shift.Shl, _) => &ShiftLeft<Size8>,
        (Shift.Shr, 4) => &ShiftRight<Size4>,
        (Shift.Shr, _) => &ShiftRight<Size8>,
        (Shift.Sar, 4) => &ShiftRightSigned<Size4>,
        (Shift.Sar, _) => &ShiftRightSigned<Size8>,
        (Shift.Rol, 4) => &Rotate<Size4, Unsigned>,
        (Shift.Rol, _) => &Rotate<Size8, Unsigned>,
        (_, 4) => &Rotate<Size4, Signed>,
        _ => &Rotate<Size8, Signed>,
    };

    internal static Handler ChooseUnary(Alu alu, int size) => (alu, size) switch
    {
        (Alu.Inc, 4) => &Increment<Size4, Unsigned>,
        (Alu.Inc, _) => &Increment<Size8, Unsigned>,
        (Alu.Dec, 4) => &Increment<Size4, Signed>,
        (Alu.Dec, _) => &Increment<Size8, Signed>,
        (Alu.Neg, 4) => &Negate<Size4>,
        (Alu.Neg, _) => &Negate<Size8>,
        (Alu.Bswap, 4) => &SwapBytes<Size4>,
        (Alu.Bswap, _) => &SwapBytes<Size8>,
        (_, 4) => &Invert<Size4>,
        _ => &Invert<Size8>,
    };

    /// <summary>The handler for a condition after flags of this kind and size; null if there is none of its own.</summary>
    internal static Handler ChooseKnown(ConditionalUse use, uint kindAndSize, int condition)
    {
        if (condition is 0 or 1 or 10 or 11) // overflow and parity
            return null;
        var size = (int)(kindAndSize >> 4);
        switch (kindAndSize & 15)
        {
            case Flags.Sub:
                return ChooseKnown<KnownSub>(use, size, condition);
            case Flags.Logic:
                return ChooseKnown<KnownLogic>(use, size, condition);
            case Flags.Add:
                return ChooseKnown<KnownAdd>(use, size, condition);
            case Flags.Inc or Flags.Dec when (condition | 1) is 5 or 9: // zero and sign are those of the result
                return ChooseKnown<KnownLogic>(use, size, condition);
            default:
                return null;
        }
    }

    private static Handler ChooseKnown<TKnown>(ConditionalUse use, int size, int condition)
        where TKnown : struct, IKnown => size switch
        {
            1 => ChooseKnown<TKnown, Size1>(use, condition),
            2 => ChooseKnown<TKnown, Size2>(use, condition),
            4 => ChooseKnown<TKnown, Size4>(use, condition),
            _ => ChooseKnown<TKnown, Size8>(use, condition),
        };

    private static Handler ChooseKnown<TKnown, TSize>(ConditionalUse use, int condition)
        where TKnown : struct, IKnown
        where TSize : struct, ISize => condition switch
        {
            2 => ChooseUse<TKnown, TSize, Below>(use),
            3 => ChooseUse<TKnown, TSize, Not<Below>>(use),
            4 => ChooseUse<TKnown, TSize, Equal>(use),
            5 => ChooseUse<TKnown, TSize, Not<Equal>>(use),
            6 => ChooseUse<TKnown, TSize, BelowOrEqual>(use),
            7 => ChooseUse<TKnown, TSize, Not<BelowOrEqual>>(use),
            8 => ChooseUse<TKnown, TSize, Negative>(use),
            9 => ChooseUse<TKnown, TSize, Not<Negative>>(use),
            12 => ChooseUse<TKnown, TSize, Less>(use),
            13 => ChooseUse<TKnown, TSize, Not<Less>>(use),
            14 => ChooseUse<TKnown, TSize, LessOrEqual>(use),
            _ => ChooseUse<TKnown, TSize, Not<LessOrEqual>>(use),
        };

    private static Handler ChooseUse<TKnown, TSize, TCondition>(ConditionalUse use)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TCondition : struct, ICondition => use switch
        {
            ConditionalUse.Jump => &JumpKnown<TKnown, TSize, TCondition>,
            ConditionalUse.Set => &SetKnown<TKnown, TSize, TCondition>,
            _ => &MoveKnown<TKnown, TSize, TCondition>,
        };

    /// <summary>The handler for a comparison joined with a jump; null if there is none.</summary>
    internal static Handler ChooseCompareJump(uint kindAndSize, bool immediate, int condition)
    {
        if (condition is 0 or 1 or 10 or 11)
            return null;
        return ((kindAndSize & 15) == Flags.Sub, immediate) switch
        {
            (true, false) => ChooseCompareJump<KnownSub, RegisterRegister>((int)(kindAndSize >> 4), condition),
            (true, true) => ChooseCompareJump<KnownSub, RegisterImmediate>((int)(kindAndSize >> 4), condition),
            (false, false) => ChooseCompareJump<KnownLogic, RegisterRegister>((int)(kindAndSize >> 4), condition),
            _ => ChooseCompareJump<KnownLogic, RegisterImmediate>((int)(kindAndSize >> 4), condition),
        };
    }

    private static Handler ChooseCompareJump<TKnown, TForm>(int size, int condition)
        where TKnown : struct, IKnown
        where TForm : struct, IForm => size switch
        {
            1 => ChooseCompareJump<TKnown, Size1, TForm>(condition),
            2 => ChooseCompareJump<TKnown, Size2, TForm>(condition),
            4 => ChooseCompareJump<TKnown, Size4, TForm>(condition),
            _ => ChooseCompareJump<TKnown, Size8, TForm>(condition),
        };

    private static Handler ChooseCompareJump<TKnown, TSize, TForm>(int condition)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm => condition switch
        {
            2 => &CompareJump<TKnown, TSize, TForm, Below>,
            3 => &CompareJump<TKnown, TSize, TForm, Not<Below>>,
            4 => &CompareJump<TKnown, TSize, TForm, Equal>,
            5 => &CompareJump<TKnown, TSize, TForm, Not<Equal>>,
            6 => &CompareJump<TKnown, TSize, TForm, BelowOrEqual>,
            7 => &CompareJump<TKnown, TSize, TForm, Not<BelowOrEqual>>,
            8 => &CompareJump<TKnown, TSize, TForm, Negative>,
            9 => &CompareJump<TKnown, TSize, TForm, Not<Negative>>,
            12 => &CompareJump<TKnown, TSize, TForm, Less>,
            13 => &CompareJump<TKnown, TSize, TForm, Not<Less>>,
            14 => &CompareJump<TKnown, TSize, TForm, LessOrEqual>,
            _ => &CompareJump<TKnown, TSize, TForm, Not<LessOrEqual>>,
        };
}
