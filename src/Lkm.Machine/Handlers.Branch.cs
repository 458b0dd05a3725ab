using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Transfers of control. Each charges the instructions since the last one and looks at the budget: these are the edges. The
// target's address is in Disp (Imm, where it varies), its op in Target once known.
internal static unsafe partial class Handlers
{
    internal static Handler Jump => &JumpOp;

    internal static Handler JumpIf => &JumpIfOp;

    internal static Handler JumpIndirect => &JumpIndirectOp;

    internal static Handler JumpByRegister => &JumpRegister;

    internal static Handler CallByRegister => &CallRegister;

    internal static Handler Call => &CallOp;

    internal static Handler CallIndirect => &CallIndirectOp;

    internal static Handler Return => &ReturnOp;

    internal static Handler ReturnFar => &ReturnFarOp;

    internal static Handler CountedJump => &CountedJumpOp;

    /// <summary>Charges a transfer of control and what ran since the last; how much is left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Charge(Op* o, CpuRecord* c, uint instructions) => c->Budget -= o->Index + instructions;

    /// <summary>A direct jump whose target is not decoded, or that used up the budget.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Depart(Op* o, CpuRecord* c)
    {
        c->Rip = (ulong)o->Disp;
        if (c->Budget <= 0)
            return Edge;
        c->Patch = o;
        return Continue;
    }

    private static nint JumpOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var left = Charge(o, c, 1);
        var target = o->Target;
        if (target == null || left <= 0)
            return Depart(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    // Any condition; the condition code is in Imm.
    private static nint JumpIfOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (Flags.Test(c, (int)o->Imm))
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

    private static nint CountedJumpOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (CountDown(o, c))
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

    // LOOPNE, LOOPE, LOOP, JRCXZ (0 to 3 in Imm), as the opcode numbers them; bit 3 for 32-bit counters.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CountDown(Op* o, CpuRecord* c)
    {
        var narrow = (o->Imm & 8) != 0;
        var kind = (int)(o->Imm & 3);
        if (kind != 3)
            c->Gpr[CpuRecord.Rcx] = narrow ? (uint)(c->Gpr[CpuRecord.Rcx] - 1) : c->Gpr[CpuRecord.Rcx] - 1;
        var count = narrow ? (uint)c->Gpr[CpuRecord.Rcx] : c->Gpr[CpuRecord.Rcx];
        return kind switch
        {
            0 => count != 0 && !Flags.Test(c, 4),
            1 => count != 0 && Flags.Test(c, 4),
            2 => count != 0,
            _ => count == 0,
        };
    }

    /// <summary>
    /// Finds where an indirect jump or call goes, into <see cref="CpuRecord.To"/>. D is the register, or Zero for a memory operand.
    /// False with the exit described.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IndirectTarget(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (o->D != CpuRecord.Zero)
        {
            c->To = Gpr(c)[o->D];
        }
        else
        {
            var address = Gpr(c)[o->B] + (Gpr(c)[o->X] << o->Scale) + (ulong)o->Disp;
            if (o->S != 0)
                address = UnusualAddress(c, (OpFlags)o->S, address);
            var p = Access(c, address, 8, false, m, sh);
            if (p == null)
                return false;
            c->To = Unsafe.ReadUnaligned<ulong>(p);
        }
        return Mmu.IsCanonical(c->To) || Fail(o, c, CpuVector.GeneralProtection, 0);
    }

    /// <summary>Charges an indirect transfer to <see cref="CpuRecord.To"/>. Its op, or null to leave.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Op* TakeIndirect(Op* o, CpuRecord* c)
    {
        c->Budget -= o->Index + 1;
        var to = c->To;
        if (c->Budget <= 0)
        {
            c->Rip = to;
            return null;
        }
        var target = o->Target;
        if (target == null || o->Imm != to)
        {
            target = CodeCache.Find(c, to);
            o->Imm = to;
            o->Target = target;
            if (target == null)
            {
                c->Rip = to;
                c->Patch = o;
            }
        }
        return target;
    }

    private static nint JumpIndirectOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!IndirectTarget(o, c, m, sh))
            return Abandon(o, c);
        o = TakeIndirect(o, c);
        if (o == null)
            return c->Budget <= 0 ? Edge : Continue;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // CALL and JMP to a register, where it holds the same as last time.
    private static nint JumpRegister(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var target = o->Target;
        if (target == null || Gpr(c)[o->D] != o->Imm || c->Budget <= o->Index + 1)
            return ((Handler)c->GeneralJumpIndirect)(o, c, m, sh);
        Charge(o, c, 1);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    private static nint CallRegister(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp] - 8;
        var target = o->Target;
        if (target == null || Gpr(c)[o->D] != o->Imm || c->Budget <= o->Index + 1 || !IsPlain<Size8>(stack, sh, true))
            return ((Handler)c->GeneralCallIndirect)(o, c, m, sh);
        Charge(o, c, 1);
        *(ulong*)(m + stack) = o->Rip + o->Length;
        Gpr(c)[CpuRecord.Rsp] = stack;
        Remember(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ReturnEntry* Entry(CpuRecord* c, uint number) =>
        (ReturnEntry*)Unsafe.AsPointer(ref c->Returns) + (number & (CpuRecord.ReturnDepth - 1));

    private static ref CallTarget CallAt(CpuRecord* c, ulong rip) => ref c->Calls[(int)((rip >> 1) % CpuRecord.RememberedCalls)];

    /// <summary>Where the indirect call at an address went, as far as that is remembered; otherwise 0.</summary>
    internal static ulong LastTarget(CpuRecord* c, ulong rip) => CallAt(c, rip) is var call && call.Rip == rip ? call.Target : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Remember(Op* o, CpuRecord* c)
    {
        var entry = Entry(c, c->ReturnTop++);
        entry->Rip = o->Rip + o->Length;
        entry->Op = o + 1;
    }

    private static nint CallOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp] - 8;
        if (!IsPlain<Size8>(stack, sh, true))
            return ((Handler)c->GeneralCall)(o, c, m, sh);
        *(ulong*)(m + stack) = o->Rip + o->Length;
        Gpr(c)[CpuRecord.Rsp] = stack;
        Remember(o, c);
        var left = Charge(o, c, 1);
        var target = o->Target;
        if (target == null || left <= 0)
            return Depart(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    private static nint GeneralCallOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Push(c, o->Next, 8, m, sh))
            return Abandon(o, c);
        Remember(o, c);
        var left = Charge(o, c, 1);
        var target = o->Target;
        if (target == null || left <= 0)
            return Depart(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    private static nint CallIndirectOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!IndirectTarget(o, c, m, sh) || !Push(c, o->Next, 8, m, sh))
            return Abandon(o, c);
        Remember(o, c);
        CallAt(c, o->Rip) = new CallTarget { Rip = o->Rip, Target = c->To };
        o = TakeIndirect(o, c);
        if (o == null)
            return c->Budget <= 0 ? Edge : Continue;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // Imm: bytes of arguments to drop, with 8 for the address itself.
    private static nint ReturnOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp];
        if (!IsPlain<Size8>(stack, sh, false))
            return ((Handler)c->GeneralReturn)(o, c, m, sh);
        var to = *(ulong*)(m + stack);
        var entry = Entry(c, c->ReturnTop - 1);
        var left = c->Budget - (o->Index + 1);
        if (entry->Rip != to || left <= 0)
            return ((Handler)c->GeneralReturn)(o, c, m, sh);
        Gpr(c)[CpuRecord.Rsp] = stack + o->Imm;
        c->ReturnTop--;
        c->Budget = left;
        o = entry->Op;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // Behind a return to 0, which is what is remembered where no call is.
    private static nint NowhereOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        c->Rip = 0;
        return Continue;
    }

    private static nint GeneralReturnOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ReturnStep(o, c, m, sh))
            return Abandon(o, c);
        if (c->Budget <= 0)
            return Edge;
        o = CodeCache.Find(c, c->Rip);
        if (o == null)
            return Continue;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ReturnStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp];
        var p = Access(c, stack, 8, false, m, sh);
        if (p == null)
            return false;
        var to = Unsafe.ReadUnaligned<ulong>(p);
        if (!Mmu.IsCanonical(to))
            return Fail(o, c, CpuVector.GeneralProtection, 0);
        Gpr(c)[CpuRecord.Rsp] = stack + o->Imm;
        c->Budget -= o->Index + 1;
        c->ReturnTop--;
        c->Rip = to;
        return true;
    }

    // The general form of a hot op, made when it is first needed.
    private static nint GeneralOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var general = o->Target;
        if (general == null)
            general = c->Cpu.MakeGeneral(o);
        return ((Handler)general->Handler)(general, c, m, sh);
    }

    // Behind a general form: back to the trace.
    private static nint BackOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        o = o->Target;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    internal static Handler Back => &BackOp;

    /// <summary>Puts the addresses that hot handlers need into the record.</summary>
    internal static void Prepare(CpuRecord* c)
    {
        c->General = (nint)(Handler)(&GeneralOp);
        c->GeneralCall = (nint)(Handler)(&GeneralCallOp);
        c->GeneralReturn = (nint)(Handler)(&GeneralReturnOp);
        c->GeneralJumpIndirect = (nint)(Handler)(&JumpIndirectOp);
        c->GeneralCallIndirect = (nint)(Handler)(&CallIndirectOp);
        *c->Nowhere = new Op { Handler = (nint)(Handler)(&NowhereOp) };
        CpuRecord.ForgetReturns(c);
    }

    // RETF: also takes a code selector from the stack.
    private static nint ReturnFarOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = Gpr(c)[CpuRecord.Rsp];
        var size = (int)o->S;
        var p = Access(c, stack, 2 * size, false, m, sh);
        if (p == null)
            return Abandon(o, c);
        var to = Get(p, size);
        var selector = (ushort)Get(p + size, size);
        if (!Mmu.IsCanonical(to) || (selector & 3) != c->Privilege)
            return Raise(o, c, CpuVector.GeneralProtection, 0);
        c->Segments[1] = selector;
        Gpr(c)[CpuRecord.Rsp] = stack + (ulong)(2 * size) + o->Imm;
        c->Budget -= o->Index + 1;
        c->Rip = to;
        return c->Budget <= 0 ? Edge : Continue;
    }
}
