using System.Reflection.Emit;
using Iced.Intel;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// From block to block, and out of the method.
internal sealed unsafe partial class UnitCompiler
{
    private void EmitEnding(Block block, Block? next)
    {
        switch (block.Ending)
        {
            case Ending.Fall:
                GoTo(block, block.Following, block.Next, next);
                break;
            case Ending.Leave:
                _il.Emit(OpCodes.Br, ExitTo(block.Next, 0));
                break;
            case Ending.Jump:
                _uncharged++;
                GoTo(block, block.Taken, block.Target, next);
                break;
            case Ending.Branch:
                EmitBranch(block, next);
                break;
            case Ending.Call:
            case Ending.CallIndirect:
                EmitCall(block, next);
                break;
            case Ending.EnterIf:
                var elsewhere = _il.DefineLabel();
                LoadLocal(IndirectTarget(Current));
                LoadConstant((long)block.Target);
                _il.Emit(OpCodes.Bne_Un, elsewhere);
                AddEdge(elsewhere, block, taken: true);
                goto case Ending.Enter;
            case Ending.Enter:
                PushStack(() => LoadConstant((long)block.Next));
                _dirty |= 1u << CpuRecord.Rsp;
                _uncharged++;
                GoTo(block, block.Taken, block.Target, next);
                break;
            case Ending.ComeBack:
                EmitComeBack(block, next);
                break;
            case Ending.JumpIndirect:
                {
                    var target = IndirectTarget(Current);
                    Synchronise(_dirty, 1);
                    LoadLocal(target);
                    _il.Emit(OpCodes.Conv_I);
                    _il.Emit(OpCodes.Ret);
                    break;
                }
            case Ending.Return:
                EmitReturn();
                break;
        }
    }

    /// <summary>Goes to a block with the state as it is, or out of the region.</summary>
    private void GoTo(Block from, Block? block, ulong address, Block? next)
    {
        if (block == null)
        {
            Synchronise(_dirty, 0);
            Chain(address);
            return;
        }
        if (block.IsJoin)
            Settle(block);
        else
            _inherited[block] = (_flags, _uncharged);
        Park(from, block);
        if (block != next || IsWayBack(from, block))
            _il.Emit(OpCodes.Br, LabelOf(from, block));
    }

    // What a block that has several before it expects.
    private void Settle(Block block)
    {
        SettleFlags(block);
        Charge();
    }

    // Registers that are in the record only where control comes from or goes to.
    private void Park(Block from, Block to)
    {
        var parked = to.Parked & ~from.Parked & _dirty;
        StoreRegisters(parked);
        _dirty &= ~parked;
        LoadRegisters(from.Parked & ~to.Parked & to.LiveIn);
        SettleStack(to);
    }

    private bool Parks(Block from, Block to) =>
        ((to.Parked & ~from.Parked & _dirty) | (from.Parked & ~to.Parked & to.LiveIn)) != 0 || SettlesStack(to);

    private void EmitBranch(Block block, Block? next)
    {
        _uncharged++;
        var condition = Lowering.Condition(Current.ConditionCode);
        PrepareCondition(condition);
        var settled = block.Taken is { IsJoin: true } back && back.First <= block.First && !Parks(block, back);
        if (settled)
            Settle(block.Taken!); // a loop: better done on the way than in a detour
        Label label;
        if (block.Taken is { } taken && !Parks(block, taken) && (!taken.IsJoin || settled || IsSettled(taken)))
        {
            label = LabelOf(block, taken);
            if (!taken.IsJoin)
                _inherited[taken] = (_flags, _uncharged);
        }
        else
        {
            label = _il.DefineLabel();
            AddEdge(label, block, taken: true);
            if (block.Taken is { IsJoin: true } join)
                AnnounceFlags(join);
            else if (block.Taken is { } only)
                _inherited[only] = (_flags, _uncharged);
        }
        BranchIf(condition, label);
        GoTo(block, block.Following, block.Next, next);
    }

    private bool IsSettled(Block block) => _uncharged == 0 && !NeedsFlags(block);

    // Taken branches to where something has to be done first.
    private void EmitEdges()
    {
        foreach (var edge in _edges)
        {
            var block = edge.From;
            _il.MarkLabel(edge.Label);
            (_flags, _uncharged, _dirty, _known) = (edge.Flags, edge.Uncharged, edge.Dirty, edge.Known);
            if (_options.Frames)
                _stack = _known[CpuRecord.Rsp];
            _index = block.End - 1;
            BeginTemporaries();
            if (edge.Plain is { } cycle)
                Rebate(_forms[cycle].Rounds, cycle, OpCodes.Add);
            if (block.Ending == Ending.ComeBack)
            {
                BeginInstruction();
                EmitReturn();
            }
            else if (block.Ending == Ending.EnterIf)
            {
                BeginInstruction();
                EmitCall(block, null);
            }
            else if (edge.Taken)
                GoTo(block, block.Taken, block.Target, null);
            else
                GoTo(block, block.Following, block.Next, null);
        }
    }

    /// <summary>Where an indirect transfer goes. What is not in the window is left to the interpreter.</summary>
    private LocalBuilder IndirectTarget(in Instruction i)
    {
        var target = Temporary();
        if (i.Op0Kind == OpKind.Register)
            LoadRegister(Liveness.Number(i.Op0Register));
        else
            LoadMemory(Access(i, 8, write: false), 8);
        StoreLocal(target);
        LoadLocal(target);
        LoadRecord(RecordOffset.WindowStart);
        _il.Emit(OpCodes.Blt_Un, ExitHere());
        return target;
    }

    private void EmitCall(Block block, Block? next)
    {
        var target = block.Ending != Ending.Call ? IndirectTarget(Current) : null;
        SaveFlags(); // they may be those of a change of RSP
        PushStack(() => LoadConstant((long)block.Next));
        Synchronise(_dirty | 1u << CpuRecord.Rsp, 1);
        if (!_options.DirectCalls)
        {
            if (target == null)
                LoadConstant((long)block.Target);
            else
                LoadLocal(target);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Ret);
            return;
        }
        if (target == null)
            LoadSlot(block.Target);
        else
            LoadIndirectSlot(target);
        CallSlot();
        ReturnUnless((nint)block.Next);
        if (block.Following is not { } following)
        {
            Chain(block.Next);
            return;
        }
        ComeBackWithStack(following);
        LoadBudget(null);
        (_uncharged, _dirty) = (0, 0);
        SetFlags(FlagState.Recorded);
        CheckBudget(ExitTo(block.Next, 0));
        SettleFlags(following);
        LoadRegisters(following.LiveIn & ~(1u << CpuRecord.Rsp));
        if (following != next)
            _il.Emit(OpCodes.Br, _labels[following]);
    }

    private void LoadSlot(ulong address)
    {
        LoadConstant(_slotOf(address));
        _il.Emit(OpCodes.Conv_I);
    }

    // The slot of the last time, or the one that the table of units gives.
    private void LoadIndirectSlot(LocalBuilder target)
    {
        var site = _unitMethod.Allocate<CallSite>(1);
        var (slot, known) = (Temporary(), _il.DefineLabel());
        LoadConstant((long)&site->Slot);
        _il.Emit(OpCodes.Ldind_I8);
        StoreLocal(slot);
        LoadConstant((long)&site->Address);
        _il.Emit(OpCodes.Ldind_I8);
        LoadLocal(target);
        _il.Emit(OpCodes.Beq, known);
        LoadRecordAddress();
        LoadConstant((long)site);
        _il.Emit(OpCodes.Conv_I);
        LoadLocal(target);
        _il.Emit(OpCodes.Call, Helpers.FindSlot);
        _il.Emit(OpCodes.Conv_I8);
        StoreLocal(slot);
        _il.MarkLabel(known);
        LoadLocal(slot);
        _il.Emit(OpCodes.Conv_I);
    }

    // The slot is on the stack: the first argument, and what holds the code.
    private void CallSlot()
    {
        var slot = Temporary();
        _il.Emit(OpCodes.Conv_I8);
        StoreLocal(slot);
        LoadLocal(slot);
        _il.Emit(OpCodes.Conv_I);
        LoadArguments();
        LoadLocal(slot);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Ldind_I);
        CallHandler();
    }

    // The return of a copy. If the stack says otherwise it is a return like any other.
    private void EmitComeBack(Block block, Block? next)
    {
        var stack = StackAt(0);
        var elsewhere = _il.DefineLabel();
        Check(stack, 8, write: false);
        LoadMemory(stack, 8);
        LoadConstant((long)block.Target);
        _il.Emit(OpCodes.Bne_Un, elsewhere);
        AddEdge(elsewhere, block, taken: true);
        DropStack();
        _dirty |= 1u << CpuRecord.Rsp;
        _uncharged++;
        GoTo(block, block.Taken, block.Target, next);
    }

    private void DropStack()
    {
        LoadRegister(CpuRecord.Rsp);
        LoadConstant(8 + (Current.OpCount > 0 ? Current.Immediate16 : 0));
        _il.Emit(OpCodes.Add);
        StoreRegister(CpuRecord.Rsp);
    }

    private void EmitReturn()
    {
        var target = Temporary();
        Check(StackAt(0), 8, write: false);
        LoadMemory(StackAt(0), 8);
        StoreLocal(target);
        LoadLocal(target);
        LoadRecord(RecordOffset.WindowStart);
        _il.Emit(OpCodes.Blt_Un, ExitHere());
        SaveFlags();
        DropStack();
        Synchronise(_dirty | 1u << CpuRecord.Rsp, 1);
        LoadLocal(target);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Ret);
    }
}
