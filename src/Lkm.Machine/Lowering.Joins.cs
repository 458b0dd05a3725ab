namespace Lkm.Machine;

/// <summary>What a move between a register and memory does; or an addition that is followed by one.</summary>
internal enum MoveKind : byte
{
    None, Load, Store, Push, Pop, AddConstant,
}

/// <summary>A move between a register and memory, zero-extending if it is a load.</summary>
internal readonly record struct Move(MoveKind Kind, int Size, bool Indexed);

/// <summary>A comparison that is joined with the jump behind it.</summary>
internal readonly record struct CompareAndJump(uint KindAndSize, HotForm Form, int Condition);

// Ops that follow each other and get one handler, where there is one for both.
internal sealed unsafe partial class Lowering
{
    // What the ops of the trace are that can be joined.
    private readonly Move[] _moves = new Move[CodeCache.LongestTrace + 1];
    private readonly CompareAndJump[] _jumps = new CompareAndJump[CodeCache.LongestTrace + 1];

    private void NoteMove(Op* o, MoveKind kind, int size, bool indexed) => _moves[(int)(o - _trace)] = new Move(kind, size, indexed);

    private void NoteMove(Op* o, HotForm form, int size)
    {
        if (form is HotForm.RegisterBased or HotForm.RegisterIndexed && size >= 4) // otherwise part of the register stays
            NoteMove(o, MoveKind.Load, size, form == HotForm.RegisterIndexed);
        else if (form is HotForm.BasedRegister or HotForm.IndexedRegister)
            NoteMove(o, MoveKind.Store, size, form == HotForm.IndexedRegister);
    }

    private void NoteJump(Op* comparison, HotForm form, int condition) =>
        _jumps[(int)(comparison - _trace)] = new CompareAndJump(_flagKind, form, condition);

    private void ForgetJoins()
    {
        var used = Math.Min(Ops + 1, CodeCache.LongestTrace + 1); // by the trace before
        Array.Clear(_silent, 0, used);
        Array.Clear(_moves, 0, used);
        Array.Clear(_jumps, 0, used);
    }

    private void Join(int ops)
    {
        for (var n = 0; n + 1 < ops; n++)
        {
            var joined = JoinedAt(n);
            if (joined != null)
                _trace[n++].Handler = Chosen(joined);
        }
    }

    private Handler JoinedAt(int n)
    {
        if (_silent[n].Operation != SilentOperation.None)
            return _silent[n + 1].Operation != SilentOperation.None ? Handlers.ChoosePair(_silent[n], _silent[n + 1]) : null;
        if (_moves[n].Kind == MoveKind.None)
            return null;
        if (_moves[n].Kind == MoveKind.AddConstant)
            return _jumps[n + 1].KindAndSize != 0 ? Handlers.ChooseAddMemoryJump(_jumps[n + 1]) : null;
        if (_jumps[n + 1].KindAndSize != 0)
            return Handlers.ChooseLoadJump(_moves[n], _jumps[n + 1]);
        return _moves[n + 1].Kind != MoveKind.None ? Handlers.ChooseMovePair(_moves[n], _moves[n + 1]) : null;
    }
}
