using System.Runtime.CompilerServices;

namespace Lkm.Machine;

// PUSH and POP in all forms, ENTER and LEAVE.
internal static unsafe partial class Handlers
{
    internal static Handler PushOf => &PushOp;

    internal static Handler PopOf => &PopOp;

    internal static Handler PushFlags => &PushFlagsOp;

    internal static Handler PopFlags => &PopFlagsOp;

    internal static Handler LeaveFrame => &LeaveFrameOp;

    internal static Handler EnterFrame => &EnterFrameOp;

    private static bool Push(CpuRecord* c, ulong value, int size, byte* m, byte* sh)
    {
        var stack = c->Gpr[CpuRecord.Rsp] - (uint)size;
        var p = Access(c, stack, size, true, m, sh);
        if (p == null)
            return false;
        Put(p, size, value);
        Commit(c);
        c->Gpr[CpuRecord.Rsp] = stack;
        return true;
    }

    private static nint PushOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!PushStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PushStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Source(o, c, m, sh, o->Info.Size, out var value) || !Push(c, value, o->Info.Size, m, sh))
            return false;
        return true;
    }

    // A memory operand is addressed with RSP already raised.
    private static nint PopOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!PopStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PopStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var stack = c->Gpr[CpuRecord.Rsp];
        var p = Access(c, stack, size, false, m, sh);
        if (p == null)
            return false;
        var value = Get(p, size);
        c->Gpr[CpuRecord.Rsp] = stack + (uint)size;
        if (!Destination(o, c, m, sh, size, true, out var to, out _))
        {
            c->Gpr[CpuRecord.Rsp] = stack;
            return false;
        }
        Result(o, c, size, to, value);
        return true;
    }

    private static nint PushFlagsOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!PushFlagsStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PushFlagsStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Push(c, Flags.All(c) & ~Flags.Resume, o->Info.Size, m, sh))
            return false;
        return true;
    }

    private static nint PopFlagsOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!PopFlagsStep(o, c, m, sh))
            return Abandon(o, c);
        if ((c->SystemFlags & Flags.Trap) != 0)
            return Reconsider(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PopFlagsStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var size = (int)o->Info.Size;
        var stack = c->Gpr[CpuRecord.Rsp];
        var p = Access(c, stack, size, false, m, sh);
        if (p == null)
            return false;
        var value = Get(p, size);
        c->Gpr[CpuRecord.Rsp] = stack + (uint)size;
        if (size == 2)
            value |= c->SystemFlags & ~0xFFFFUL;
        Flags.SetLiteral(c, value);
        var allowed = c->Privilege == 0 ? Flags.Writable : Flags.Writable & ~(Flags.IoPrivilege | Flags.Interrupt);
        c->SystemFlags = (c->SystemFlags & ~allowed) | (value & allowed);
        return true;
    }

    private static nint LeaveFrameOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!LeaveFrameStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool LeaveFrameStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var frame = c->Gpr[CpuRecord.Rbp];
        var p = Access(c, frame, 8, false, m, sh);
        if (p == null)
            return false;
        c->Gpr[CpuRecord.Rbp] = Unsafe.ReadUnaligned<ulong>(p);
        c->Gpr[CpuRecord.Rsp] = frame + 8;
        return true;
    }

    // ENTER with nesting level 0; Imm is the size of the frame.
    private static nint EnterFrameOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!EnterFrameStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool EnterFrameStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!Push(c, c->Gpr[CpuRecord.Rbp], 8, m, sh))
            return false;
        c->Gpr[CpuRecord.Rbp] = c->Gpr[CpuRecord.Rsp];
        c->Gpr[CpuRecord.Rsp] -= o->Imm;
        return true;
    }
}
