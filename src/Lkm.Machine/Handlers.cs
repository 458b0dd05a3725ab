using System.Runtime.CompilerServices;

namespace Lkm.Machine;

/// <summary>
/// What ops do. A handler takes its op, the record, what to add to a guest address and what to add to an eighth of it for the
/// shadow; it ends by calling the next op's handler. The compiler (ahead of time or at run time, as long as it optimises) makes
/// that a jump, so a chain of ops uses no stack: TailCallTests holds it to that. The rules that follow from it: a handler has no
/// local variable whose address is taken, is not marked NoInlining (out of such a method no call is made a jump), and is
/// never called by name (inlined, its last call is no jump either). So the work of most is in a Step method; hot handlers call
/// nothing at all, and hand what is unusual to handlers whose addresses are in the record.
/// </summary>
internal static unsafe partial class Handlers
{
    /// <summary>The chain ended; go on at the RIP in the record.</summary>
    internal const nint Continue = 0;

    /// <summary>The chain ended with an exit described in the record.</summary>
    internal const nint Exit = 1;

    /// <summary>Control was transferred to the RIP in the record and the budget is used up.</summary>
    internal const nint Edge = 2;

    /// <summary>Translated code gives way: the interpreter goes on at the RIP in the record, whatever is translated there.</summary>
    internal const nint Interpret = 3;

    /// <summary>The one instruction was executed that the chain was started for.</summary>
    internal const nint Finished = 4;

    // Every other answer, of translated code only, is the guest address to go on at.

    internal static Handler Finish => &FinishOp;

    internal static Handler NoCode => &NoCodeOp;

    internal static Handler Stale => &StaleOp;

    internal static Handler Link => &LinkOp;

    internal static Handler Leave => &LeaveOp;

    internal static Handler Hooked => &HookedOp;

    internal static Handler Unsupported => &UnsupportedOp;

    internal static Handler Undefined => &UndefinedOp;

    internal static Handler Nothing => &NothingOp;

    private static nint FinishOp(Op* o, CpuRecord* c, byte* m, byte* sh) => Finished;

    // In place of code that is not there: the first argument is not an op but the slot.
    private static nint NoCodeOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var slot = (Translation.Slot*)o;
        slot->Misses++;
        return (nint)slot->Address;
    }

    // The bytes were changed since; decode them again, and pass on whoever still comes here.
    private static nint StaleOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        c->Budget -= o->Index;
        o->Index = 0;
        if (o->Target == null)
        {
            c->Rip = o->Rip;
            c->Patch = o;
            return Continue;
        }
        o = o->Target;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    // From the end of a trace to the one that follows.
    private static nint LinkOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        c->Budget -= o->Index;
        if (o->Target == null)
        {
            c->Rip = o->Rip;
            c->Patch = o;
            return Continue;
        }
        o = o->Target;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    private static nint LeaveOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        c->Budget -= o->Index;
        c->Rip = o->Rip;
        return Continue;
    }

    private static nint HookedOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        SetExit(c, CpuExitKind.Hook, 0, 0, o->Rip);
        return Abandon(o, c);
    }

    private static nint UnsupportedOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        SetExit(c, CpuExitKind.Unsupported, CpuVector.InvalidOpcode, 0, o->Rip);
        return Abandon(o, c);
    }

    private static nint UndefinedOp(Op* o, CpuRecord* c, byte* m, byte* sh) => Raise(o, c, CpuVector.InvalidOpcode, 0);

    private static nint NothingOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    internal static void SetExit(CpuRecord* c, CpuExitKind kind, int vector, uint error, ulong address)
    {
        c->ExitKind = kind;
        c->ExitVector = vector;
        c->ExitError = error;
        c->ExitAddress = address;
        c->ExitSize = 0;
        c->ExitWrite = c->ExitShadow = c->ExitSoftware = 0;
    }

    /// <summary>Ends the chain before an instruction: it has changed nothing, RIP is at it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Abandon(Op* o, CpuRecord* c)
    {
        c->Budget -= o->Index;
        c->Rip = o->Rip;
        return Exit;
    }

    /// <summary>Ends the chain after an instruction, with an exit that is already described.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Complete(Op* o, CpuRecord* c)
    {
        c->Budget -= o->Index + 1;
        c->Rip = o->Next;
        return Exit;
    }

    /// <summary>Ends the chain after an instruction that changed what decoding or the loop depends on.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Reconsider(Op* o, CpuRecord* c)
    {
        c->Budget -= o->Index + 1;
        c->Rip = o->Next;
        return Continue;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nint Raise(Op* o, CpuRecord* c, int vector, uint error)
    {
        SetExit(c, CpuExitKind.Exception, vector, error, o->Rip);
        return Abandon(o, c);
    }

    /// <summary>Describes an exception for the handler to leave with.</summary>
    private static bool Fail(Op* o, CpuRecord* c, int vector, uint error)
    {
        SetExit(c, CpuExitKind.Exception, vector, error, o->Rip);
        return false;
    }
}
