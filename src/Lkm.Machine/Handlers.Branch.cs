using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// Transfers of control. Each charges the instructions since the last one and looks at the budget: these are the edges. The
// target's address is in Disp (Imm, where it varies), its op in Target once known.
internal static unsafe partial class Handlers
{
    internal static Handler Jump => &JumpOp;

    internal static Handler JumpIf => &JumpIfOp;

    internal static Handler JumpIndirect => &JumpIndirectOp;

    internal static Handler Call => &CallOp;

    internal static Handler CallIndirect => &CallIndirectOp;

    internal static Handler Return => &ReturnOp;

    internal static Handler ReturnFar => &ReturnFarOp;

    internal static Handler CountedJump => &CountedJumpOp;

    [MethodImpl(MethodImplOptions.NoInlining)] // an inlined call by pointer would not be a jump any more
    private static nint JumpOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var left = c->Budget - (o->Index + 1);
        c->Budget = left;
        var target = o->Target;
        if (target == null || left <= 0)
            return Depart(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

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

    // Any condition; the condition code is in Imm.
    private static nint JumpIfOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (Flags.Test(c, (int)o->Imm))
            return JumpOp(o, c, m, sh);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // LOOPNE, LOOPE, LOOP, JRCXZ (0 to 3 in Imm), as the opcode numbers them; bit 3 for 32-bit counters.
    private static nint CountedJumpOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var narrow = (o->Imm & 8) != 0;
        var kind = (int)(o->Imm & 3);
        if (kind != 3)
            c->Gpr[CpuRecord.Rcx] = narrow ? (uint)(c->Gpr[CpuRecord.Rcx] - 1) : c->Gpr[CpuRecord.Rcx] - 1;
        var count = narrow ? (uint)c->Gpr[CpuRecord.Rcx] : c->Gpr[CpuRecord.Rcx];
        var taken = kind switch
        {
            0 => count != 0 && !Flags.Test(c, 4),
            1 => count != 0 && Flags.Test(c, 4),
            2 => count != 0,
            _ => count == 0,
        };
        if (taken)
            return JumpOp(o, c, m, sh);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    /// <summary>Reads the target of an indirect jump or call; D is the register, or Zero for a memory operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IndirectTarget(Op* o, CpuRecord* c, byte* m, byte* sh, out ulong target)
    {
        if (o->D != CpuRecord.Zero)
        {
            target = c->Gpr[o->D];
            return true;
        }
        var address = c->Gpr[o->B] + (c->Gpr[o->X] << o->Scale) + (ulong)o->Disp;
        if (o->S != 0)
            address = UnusualAddress(c, (OpFlags)o->S, address);
        var p = Access(c, address, 8, false, m, sh);
        target = p == null ? 0 : *(ulong*)p;
        return p != null;
    }

    private static nint JumpIndirectOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!IndirectTarget(o, c, m, sh, out var to))
            return Abandon(o, c);
        if (!Mmu.IsCanonical(to))
            return Raise(o, c, CpuVector.GeneralProtection, 0);
        return Indirect(o, c, m, sh, to);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Indirect(Op* o, CpuRecord* c, byte* m, byte* sh, ulong to)
    {
        c->Budget -= o->Index + 1;
        if (c->Budget <= 0)
        {
            c->Rip = to;
            return Edge;
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
                return Continue;
            }
        }
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Remember(Op* o, CpuRecord* c, ulong rip)
    {
        ref var entry = ref Unsafe.Add(ref Unsafe.As<CpuRecord.ReturnRing, ReturnEntry>(ref c->Returns), (nint)(c->ReturnTop & (CpuRecord.ReturnDepth - 1)));
        entry.Rip = rip;
        entry.Op = o + 1;
        c->ReturnTop++;
    }

    private static nint CallOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = c->Gpr[CpuRecord.Rsp] - 8;
        if (stack < GuestMemory.WindowStart || (stack & 7) != 0 || sh[stack >> 3] != (byte)Shadow.Accessible)
            return CallSlow(o, c, m, sh);
        *(ulong*)(m + stack) = o->Rip + o->Length;
        c->Gpr[CpuRecord.Rsp] = stack;
        Remember(o, c, o->Rip + o->Length);
        var left = c->Budget - (o->Index + 1);
        c->Budget = left;
        var target = o->Target;
        if (target == null || left <= 0)
            return Depart(o, c);
        return ((Handler)target->Handler)(target, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint CallSlow(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Push(c, o->Next, 8, m, sh))
            return Abandon(o, c);
        Remember(o, c, o->Next);
        return JumpOp(o, c, m, sh);
    }

    private static nint CallIndirectOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!IndirectTarget(o, c, m, sh, out var to))
            return Abandon(o, c);
        if (!Mmu.IsCanonical(to))
            return Raise(o, c, CpuVector.GeneralProtection, 0);
        if (!Push(c, o->Next, 8, m, sh))
            return Abandon(o, c);
        Remember(o, c, o->Next);
        return Indirect(o, c, m, sh, to);
    }

    // Imm: bytes of arguments to drop, with 8 for the address itself.
    private static nint ReturnOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = c->Gpr[CpuRecord.Rsp];
        if (stack < GuestMemory.WindowStart || (stack & 7) != 0 || (byte)(sh[stack >> 3] - 8) > 3)
            return ReturnSlow(o, c, m, sh);
        var to = *(ulong*)(m + stack);
        var at = (c->ReturnTop - 1) & (CpuRecord.ReturnDepth - 1);
        ref var entry = ref Unsafe.Add(ref Unsafe.As<CpuRecord.ReturnRing, ReturnEntry>(ref c->Returns), (nint)at);
        var left = c->Budget - (o->Index + 1);
        if (entry.Rip != to || left <= 0)
            return ReturnSlow(o, c, m, sh);
        c->Gpr[CpuRecord.Rsp] = stack + o->Imm;
        c->ReturnTop--;
        c->Budget = left;
        o = entry.Op;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint ReturnSlow(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = c->Gpr[CpuRecord.Rsp];
        var p = Access(c, stack, 8, false, m, sh);
        if (p == null)
            return Abandon(o, c);
        var to = Unsafe.ReadUnaligned<ulong>(p);
        if (!Mmu.IsCanonical(to))
            return Raise(o, c, CpuVector.GeneralProtection, 0);
        c->Gpr[CpuRecord.Rsp] = stack + o->Imm;
        c->Budget -= o->Index + 1;
        c->ReturnTop--;
        c->Rip = to;
        if (c->Budget <= 0)
            return Edge;
        o = CodeCache.Find(c, to);
        return o == null ? Continue : ((Handler)o->Handler)(o, c, m, sh);
    }

    // RETF: also takes a code selector from the stack.
    private static nint ReturnFarOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var stack = c->Gpr[CpuRecord.Rsp];
        var size = (int)o->S;
        var p = Access(c, stack, 2 * size, false, m, sh);
        if (p == null)
            return Abandon(o, c);
        var to = Get(p, size);
        var selector = (ushort)Get(p + size, size);
        if (!Mmu.IsCanonical(to) || (selector & 3) != c->Privilege)
            return Raise(o, c, CpuVector.GeneralProtection, 0);
        c->Segments[1] = selector;
        c->Gpr[CpuRecord.Rsp] = stack + (ulong)(2 * size) + o->Imm;
        c->Budget -= o->Index + 1;
        c->Rip = to;
        return c->Budget <= 0 ? Edge : Continue;
    }
}
