using System.Reflection.Emit;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// Ways out of the method, behind its code. A side exit says where the interpreter goes on; those that write back the same share it.
internal sealed unsafe partial class UnitCompiler
{
    private readonly List<(Label Label, ulong Rip, int Uncharged, uint Dirty, FlagState Flags, long Stack, Cycle? Plain)> _exits = [];
    private readonly List<Edge> _edges = [];

    /// <summary>A way from a block to the one where it jumps to, or to the following one, on which something has to be done first.</summary>
    private readonly record struct Edge(Label Label, FlagState Flags, int Uncharged, uint Dirty, Known[] Known, Block From, bool Taken, Cycle? Plain);

    private void AddEdge(Label label, Block from, bool taken) =>
        _edges.Add(new Edge(label, _flags, _uncharged, _dirty, [.. _known], from, taken, _plain));

    private Label _here;
    private bool _hasExitHere;
    private Label? _refused;

    private void BeginInstruction() => (_hasExitHere, _ordinal) = (false, 0);

    /// <summary>The side exit before the current instruction. Nothing of it may have happened yet.</summary>
    private Label ExitHere()
    {
        if (_hasExitHere)
            return _here;
        _hasExitHere = true;
        return _here = ExitTo(Current.IP, 0);
    }

    /// <summary>A side exit to an address, with the state as it is now, after some more instructions.</summary>
    private Label ExitTo(ulong rip, int more)
    {
        var label = _il.DefineLabel();
        _exits.Add((label, rip, _uncharged + more, _dirty, _flags, (_dirty >> CpuRecord.Rsp & 1) != 0 ? _stack.Delta : 0, _plain));
        return label;
    }

    /// <summary>Where the entry goes that the method cannot take now: the record is whole as it is.</summary>
    private Label Refused() => _refused ??= _il.DefineLabel();

    private void EmitExits()
    {
        var table = _unitMethod.Allocate<SideExit>(_exits.Count + 1);
        var last = _il.DefineLabel();
        var writers = new Dictionary<(uint Dirty, FlagState Flags, long Stack), Label>();
        for (var n = 0; n < _exits.Count; n++)
        {
            var exit = _exits[n];
            table[n] = new SideExit { Rip = exit.Rip, Uncharged = exit.Uncharged - _margin };
            _il.MarkLabel(exit.Label);
            if (exit.Plain is { } cycle)
                Rebate(_forms[cycle].Rounds, cycle, OpCodes.Add);
            LoadInt(n);
            StoreLocal(_exit);
            if (!writers.TryGetValue((exit.Dirty, exit.Flags, exit.Stack), out var writer))
                writers[(exit.Dirty, exit.Flags, exit.Stack)] = writer = _il.DefineLabel();
            _il.Emit(OpCodes.Br, writer);
        }
        foreach (var ((dirty, flags, stack), label) in writers)
        {
            _il.MarkLabel(label);
            _flags = flags;
            _stack = new Known(0, stack);
            StoreRegisters(dirty);
            SaveFlags();
            _il.Emit(OpCodes.Br, last);
        }
        if (writers.Count > 0)
        {
            _il.MarkLabel(last);
            StoreRecord(RecordOffset.Rip, () => LoadExitMember(table, 0));
            StoreRecord(RecordOffset.Budget, () =>
            {
                LoadLocal(_left);
                LoadExitMember(table, 8);
                _il.Emit(OpCodes.Sub);
            });
            Return(Handlers.Interpret);
        }
        if (_refused is { } refused)
        {
            _il.MarkLabel(refused);
            StoreRecord(RecordOffset.Rip, () => LoadConstant((long)_region.Entry));
            Return(Handlers.Interpret);
        }
    }

    private void LoadExitMember(SideExit* table, int offset)
    {
        LoadConstant((long)table + offset);
        LoadLocal(_exit);
        _il.Emit(OpCodes.Conv_I8);
        LoadInt(4);
        _il.Emit(OpCodes.Shl);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldind_I8);
    }

    private void Return(nint code)
    {
        LoadConstant(code);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Ret);
    }

    /// <summary>Returns the answer on the stack unless it is this one.</summary>
    private void ReturnUnless(nint code)
    {
        var answer = Temporary();
        var go = _il.DefineLabel();
        _il.Emit(OpCodes.Conv_I8);
        StoreLocal(answer);
        LoadLocal(answer);
        LoadConstant(code);
        _il.Emit(OpCodes.Beq, go);
        LoadLocal(answer);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Ret);
        _il.MarkLabel(go);
    }

    private void CallHandler() => _il.EmitCalli(OpCodes.Calli, System.Reflection.CallingConventions.Standard, typeof(nint), Signature, null);

    /// <summary>Goes on in the unit at an address, if there is one; the record is whole.</summary>
    private void Chain(ulong address)
    {
        var slot = (Slot*)_slotOf(address);
        LoadConstant((long)slot);
        _il.Emit(OpCodes.Conv_I);
        LoadArguments();
        LoadConstant((long)&slot->Code);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Ldind_I);
        _il.Emit(OpCodes.Tailcall);
        CallHandler();
        _il.Emit(OpCodes.Ret);
    }
}
