using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Conditions whose flags come from a known kind of instruction in the same trace.
internal static unsafe partial class Handlers
{
    private static nint JumpKnown<TKnown, TSize, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TCondition : struct, ICondition
    {
        if (TKnown.Met<TSize, TCondition>(c))
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

    // Keeps what the flags of CMP or TEST are computed from.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KeepOperands<TKnown, TSize>(CpuRecord* c, ulong a, ulong b)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
    {
        c->FlagKind = TKnown.Kind | ((uint)TSize.Bytes << 4);
        if (TKnown.Kind == Flags.Logic)
        {
            c->FlagA = a & b;
        }
        else
        {
            c->FlagA = a;
            c->FlagB = b;
        }
    }

    // CMP or TEST of registers, joined with the jump that follows.
    private static nint CompareJump<TKnown, TSize, TForm, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TForm : struct, IForm
        where TCondition : struct, ICondition
    {
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

    private static nint SetKnown<TKnown, TSize, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TCondition : struct, ICondition
    {
        Put(c, o->D, (Gpr(c)[o->D] & ~0xFFUL) | (TKnown.Met<TSize, TCondition>(c) ? 1UL : 0));
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // CMOVcc between registers; Imm masks what is kept of the destination: all of it, or its low half.
    private static nint MoveKnown<TKnown, TSize, TCondition>(Op* o, CpuRecord* c, byte* m, byte* sh)
        where TKnown : struct, IKnown
        where TSize : struct, ISize
        where TCondition : struct, ICondition
    {
        Put(c, o->D, (TKnown.Met<TSize, TCondition>(c) ? Gpr(c)[o->S] : Gpr(c)[o->D]) & o->Imm);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }
}
