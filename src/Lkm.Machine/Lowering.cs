using Iced.Intel;

namespace Lkm.Machine;

/// <summary>How decoding goes on after an instruction.</summary>
internal enum Flow
{
    /// <summary>With the next instruction.</summary>
    Next,

    /// <summary>With the next instruction, where a call returns to.</summary>
    Call,

    /// <summary>Not: control never gets there from here.</summary>
    End,

    /// <summary>Not: there is no handler for the instruction.</summary>
    Unsupported,
}

/// <summary>Turns guest instructions into ops: one trace at a time, from an address on until control cannot fall through.</summary>
internal sealed unsafe partial class Lowering
{
    private readonly InstructionSource _source;
    private readonly HookSet _hooks;
    private readonly int[] _entries = new int[CodeCache.LongestTrace + 1];
    private int _entryCount;

    private readonly HashSet<ulong>? _chosen;

    /// <summary>Creates it.</summary>
    /// <param name="source">Gives the instructions.</param>
    /// <param name="hooks">What is hooked.</param>
    /// <param name="chosen">Gets the handlers that are made for one kind of operands, which <see cref="Handlers.Rehearse"/> may call.</param>
    internal Lowering(InstructionSource source, HookSet hooks, HashSet<ulong>? chosen = null)
    {
        _source = source;
        _hooks = hooks;
        _chosen = chosen;
    }

    /// <summary>The address after the last trace.</summary>
    internal ulong End { get; private set; }

    /// <summary>How many ops the last trace has.</summary>
    internal int Ops { get; private set; }

    /// <summary>Which ops of the last trace may be arrived at from elsewhere.</summary>
    internal ReadOnlySpan<int> Entries => _entries.AsSpan(0, _entryCount);

    private nint Chosen(Handler handler)
    {
        if (handler != null) // there is none for some
            _chosen?.Add((ulong)handler);
        return (nint)handler;
    }

    /// <summary>Decodes a trace. False if not even its first instruction can be fetched.</summary>
    internal bool Trace(ulong rip, Op* ops)
    {
        _source.Start(rip, trusted: false);
        _entries[0] = 0;
        _entryCount = 1;
        _trace = ops;
        ForgetJoins();
        _waitingCount = 0;
        ResetFlags();
        ushort index = 0;
        var o = ops;
        End = rip;
        for (var count = 0; count < CodeCache.LongestTrace; count++)
        {
            *o = default;
            o->Rip = End;
            o->Index = index;
            if (_hooks.Contains(End))
            {
                o->Handler = (nint)Handlers.Hooked;
                Finish(ops, o + 1);
                End = Math.Max(End, o->Rip + 1); // hooking and unhooking invalidate this byte
                return true;
            }
            var (instruction, error) = _source.Next();
            if (instruction.IsInvalid)
            {
                if (error == DecoderError.NoMoreBytes)
                {
                    if (count == 0)
                        return false;
                    o->Handler = (nint)Handlers.Leave;
                }
                else
                {
                    o->Handler = (nint)Handlers.Undefined;
                    End++;
                }
                Finish(ops, o + 1);
                return true;
            }
            o->Length = (byte)instruction.Length;
            End += (ulong)instruction.Length;
            var flow = Lower(instruction, o);
            switch (flow)
            {
                case Flow.Call:
                    index = 0;
                    _entries[_entryCount++] = (int)(o - ops) + 1;
                    ResetFlags();
                    break;
                case Flow.Unsupported:
                    o->Handler = (nint)Handlers.Unsupported;
                    Finish(ops, o + 1);
                    return true;
                case Flow.End:
                    Finish(ops, o + 1);
                    return true;
                default:
                    index++;
                    break;
            }
            if (o->Handler != 0) // otherwise it was joined with the one before
                o++;
        }
        if (_entries[_entryCount - 1] == (int)(o - ops))
            _entryCount--; // a call ended the trace: it returns to the trace that follows, not to the link
        *o = default;
        o->Rip = End;
        o->Index = index;
        o->Handler = (nint)Handlers.Link;
        Finish(ops, o + 1);
        return true;
    }

    /// <summary>Decodes one instruction, and an op that leaves behind it. False if it cannot be fetched.</summary>
    internal bool Single(ulong rip, Op* o, bool trusted)
    {
        if (!GuestMemory.Contains(rip))
            return false;
        var (instruction, error) = _source.Single(rip, trusted);
        *o = default;
        o->Rip = rip;
        o->Length = (byte)instruction.Length;
        if (!instruction.IsInvalid)
        {
            if (LowerGeneral(instruction, o) == Flow.Unsupported)
                o->Handler = (nint)Handlers.Unsupported;
        }
        else if (error == DecoderError.NoMoreBytes)
        {
            return false;
        }
        else
        {
            o->Handler = (nint)Handlers.Undefined;
        }
        o[1] = default;
        o[1].Rip = o->Next;
        o[1].Index = 1;
        o[1].Handler = (nint)Handlers.Leave;
        return true;
    }

    /// <summary>Decodes the general form of an instruction that was decoded before.</summary>
    internal void General(ulong rip, Op* o)
    {
        var (instruction, _) = _source.Single(rip, trusted: true);
        *o = default;
        o->Rip = rip;
        o->Length = (byte)instruction.Length;
        LowerGeneral(instruction, o);
    }

    /// <summary>Whether the general form of an instruction does it and goes on with the next.</summary>
    internal static bool HasStep(in Instruction instruction)
    {
        Op op = default;
        return LowerGeneral(instruction, &op) == Flow.Next && op.Handler != (nint)Handlers.CountedJump && op.Handler != (nint)Handlers.JumpIf
            && op.Handler != (nint)Handlers.Undefined;
    }

    /// <summary>Decodes the general form of an instruction on its own, with an op behind it that answers <see cref="Handlers.Finished"/>.</summary>
    internal static void MakeStep(in Instruction instruction, Op* o)
    {
        *o = new Op { Rip = instruction.IP, Length = (byte)instruction.Length };
        LowerGeneral(instruction, o);
        o[1] = new Op { Rip = instruction.NextIP, Handler = (nint)Handlers.Finish };
    }

    private void Finish(Op* first, Op* end)
    {
        ResetWaiting();
        Ops = (int)(end - first);
        Join(Ops);
    }

    private void ResetFlags()
    {
        _flagKind = UnknownFlags;
        _comparison = _memoryComparison = null;
        ResetWaiting();
    }
}
