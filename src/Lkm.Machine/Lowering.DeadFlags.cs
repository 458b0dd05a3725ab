namespace Lkm.Machine;

/// <summary>An operation on registers without its flags.</summary>
internal readonly record struct SilentOp(SilentOperation Operation, int Size, bool Immediate);

// Flags that nobody can see, because instructions between which nothing can happen replace them, are not kept: those of an addition to a pointer
// before the comparison that ends a loop, or of most of what a cipher does. Two such operations one after the other become one.
internal sealed unsafe partial class Lowering
{
    /// <summary>What an instruction does with the flags from before.</summary>
    private enum FlagEffect
    {
        /// <summary>It may read them, or end the chain with them as they are.</summary>
        MayNeed,

        /// <summary>It leaves them alone or replaces some, and whatever happens, the next instruction follows.</summary>
        Passes,

        /// <summary>It replaces all of them, and whatever happens, the next instruction follows.</summary>
        Replaces,
    }

    private const int MostWaiting = 8;

    // Ops of the trace whose flags nobody needed so far, and which have a handler that does the same but for them.
    private readonly int[] _waiting = new int[MostWaiting];
    private int _waitingCount;
    private FlagEffect _effect; // of the instruction being lowered

    // What the ops of the trace do that are silent, or that wait to be.
    private readonly SilentOp[] _silent = new SilentOp[CodeCache.LongestTrace + 1];
    private Op* _trace;

    // Before an instruction's own op waits.
    private void Affect(FlagEffect effect)
    {
        _effect = effect;
        if (effect != FlagEffect.Replaces)
            return;
        for (var n = 0; n < _waitingCount; n++)
        {
            var silent = _silent[_waiting[n]];
            _trace[_waiting[n]].Handler = Chosen(Handlers.ChooseSilent(silent.Operation, silent.Size, silent.Immediate));
        }
        _waitingCount = 0;
    }

    private void Await(Op* o, SilentOperation operation, int size, bool immediate)
    {
        if (size < 4 || _waitingCount == MostWaiting)
            return;
        _waiting[_waitingCount++] = (int)(o - _trace);
        _silent[(int)(o - _trace)] = new SilentOp(operation, size, immediate);
    }

    // What waits is needed after all.
    private void ResetWaiting()
    {
        for (var n = 0; n < _waitingCount; n++)
            _silent[_waiting[n]] = default;
        _waitingCount = 0;
    }

    // The addition just before a comparison that ends a loop.
    private void JoinAddition(Op* comparison, int condition)
    {
        var before = (int)(comparison - _trace) - 1;
        if (before < 0 || _silent[before] is not { Operation: SilentOperation.Add, Immediate: true } addition)
            return;
        var joined = Handlers.ChooseAddCompareJump(addition.Size, _flagKind, _comparesImmediate, condition);
        if (joined == null)
            return;
        _trace[before].Handler = Chosen(joined);
        _silent[before] = default;
    }
}
