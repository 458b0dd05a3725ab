using System.Reflection.Emit;
using Label = System.Reflection.Emit.Label;

namespace Lkm.Machine.Translation;

// The second form of a simple loop. A loop that goes on for some rounds asks the shadow how many more may run without checks, charges
// them to the budget all at once, and runs them in a form that has no checks and counts nothing but the rounds; who leaves it early gets back
// what the rest would have cost.
internal sealed unsafe partial class UnitCompiler
{
    private const int MostRounds = 512, MostInstructions = 4096; // checked at once
    private const int LeastRounds = 8; // that the budget has to cover
    private const int FirstRounds = 2; // of the checked form, before it is worth asking
    private const int Patience = 32; // rounds of the checked form after an answer of none

    private readonly Dictionary<Block, Cycle> _cycles = [];
    private readonly Dictionary<Cycle, (Label Back, LocalBuilder Wait, LocalBuilder Rounds)> _forms = [];
    private readonly Dictionary<Cycle, Label> _again = []; // the first form, for who has asked
    private Cycle? _plain; // the loop whose second form is being written

    private void FindCycles()
    {
        if (!_options.PlainLoops)
            return;
        foreach (var cycle in Cycle.FindAll(_region, _liveness, _options.LargestUnit - _region.Instructions.Length))
        {
            _cycles.Add(cycle.Head, cycle);
            _forms.Add(cycle, (_il.DefineLabel(), _il.DeclareLocal(typeof(int)), _il.DeclareLocal(typeof(long))));
            foreach (var block in cycle.Blocks)
            {
                foreach (var next in new[] { block.Taken, block.Following })
                {
                    if (next != null && !cycle.Blocks.Contains(next))
                        next.LeavesCycle = true;
                }
            }
        }
    }

    // Of a loop's head: those who come from elsewhere arrive here, those who go round later at the label that follows.
    private void EnterCycle(Block block)
    {
        if (!_cycles.TryGetValue(block, out var cycle))
            return;
        LoadInt(FirstRounds);
        StoreLocal(_forms[cycle].Wait);
        _again.Add(cycle, _il.DefineLabel());
        _il.MarkLabel(_again[cycle]);
    }

    private bool IsWayBack(Block from, Block to) => _cycles.TryGetValue(to, out var cycle) && cycle.Last == from;

    /// <summary>Where control goes that comes from one block to another.</summary>
    private Label LabelOf(Block from, Block to) => IsWayBack(from, to) ? _forms[_cycles[to]].Back : _labels[to];

    private void EmitCycles()
    {
        foreach (var cycle in _cycles.Values)
        {
            var (back, wait, rounds) = _forms[cycle];
            var (refused, plain, again) = (_il.DefineLabel(), _il.DefineLabel(), _again[cycle]);
            ArriveAt(cycle.Head);
            _il.MarkLabel(back);
            LoadLocal(wait);
            LoadInt(1);
            _il.Emit(OpCodes.Sub);
            StoreLocal(wait);
            LoadLocal(wait);
            _il.Emit(OpCodes.Brtrue, again);
            CountRounds(cycle, rounds, refused);
            Rebate(rounds, cycle, OpCodes.Sub);
            _il.MarkLabel(plain);
            EmitPlain(cycle, rounds, plain);
            ArriveAt(cycle.Head);
            _il.MarkLabel(refused);
            LoadInt(Patience);
            StoreLocal(wait);
            _il.Emit(OpCodes.Br, again);
        }
    }

    // The state in which a block that has several before it is entered.
    private void ArriveAt(Block block)
    {
        (_flags, _uncharged, _dirty) = (FlagsAt(block), 0, block.DirtyIn);
        BeginFollowing(block);
        BeginTemporaries();
    }

    private void CountRounds(Cycle cycle, LocalBuilder rounds, Label refused)
    {
        var most = Math.Min(MostRounds, MostInstructions / cycle.Length);
        var enough = _il.DefineLabel();
        LoadLocal(_left);
        LoadConstant(LeastRounds * cycle.Length);
        _il.Emit(OpCodes.Blt, refused);
        LoadConstant(most);
        StoreLocal(rounds);
        LoadLocal(_left);
        LoadConstant(most * cycle.Length);
        _il.Emit(OpCodes.Bge, enough);
        LoadLocal(_left);
        LoadConstant(cycle.Length);
        _il.Emit(OpCodes.Div_Un);
        StoreLocal(rounds);
        _il.MarkLabel(enough);
        foreach (var stream in cycle.Streams)
        {
            CountRounds(stream, rounds, refused);
            EndInstruction();
        }
    }

    private void CountRounds(Cycle.Stream stream, LocalBuilder rounds, Label refused)
    {
        var (address, room) = (Temporary(), Temporary());
        LoadConstant(stream.Start);
        if (stream.Place.Base != Addresses.None)
        {
            LoadRegister(stream.Place.Base);
            _il.Emit(OpCodes.Add);
        }
        if (stream.Place.Index != Addresses.None)
        {
            LoadRegister(stream.Place.Index);
            LoadInt(System.Numerics.BitOperations.Log2((uint)stream.Place.Scale));
            _il.Emit(OpCodes.Shl);
            _il.Emit(OpCodes.Add);
        }
        StoreLocal(address);
        var granule = Granule(address, refused);
        // room = bytes of good granules - where in the first - what one round takes
        LoadLocal(granule);
        ShadowOfGranule();
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Call, ShadowScan.For(stream.Stride, stream.Write));
        LoadLocal(address);
        LoadConstant(7);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Sub);
        LoadConstant(stream.Span);
        _il.Emit(OpCodes.Sub);
        StoreLocal(room);
        LoadLocal(room);
        LoadConstant(0);
        _il.Emit(OpCodes.Blt, refused);
        if (stream.Stride == 0)
            return;
        LoadLocal(room);
        LoadConstant(stream.Stride);
        _il.Emit(OpCodes.Div_Un);
        LoadConstant(1);
        _il.Emit(OpCodes.Add);
        LoadLocal(rounds);
        _il.Emit(OpCodes.Sub);
        StoreLocal(room);
        // the smaller one, without a branch that depends on how things are aligned: rounds + (room & room >> 63)
        LoadLocal(room);
        LoadInt(63);
        _il.Emit(OpCodes.Shr);
        LoadLocal(room);
        _il.Emit(OpCodes.And);
        LoadLocal(rounds);
        _il.Emit(OpCodes.Add);
        StoreLocal(rounds);
    }

    // What the rounds that are left cost is taken from the budget or given back.
    private void Rebate(LocalBuilder rounds, Cycle cycle, OpCode code)
    {
        LoadLocal(_left);
        LoadLocal(rounds);
        LoadConstant(cycle.Length);
        _il.Emit(OpCodes.Mul);
        _il.Emit(code);
        StoreLocal(_left);
    }

    private void EmitPlain(Cycle cycle, LocalBuilder rounds, Label top)
    {
        if (cycle.SetsFlagsFirst)
            _flags = FlagState.Recorded; // or anything
        _plain = cycle;
        foreach (var block in cycle.Blocks)
        {
            EmitInstructions(block);
            if (block.Ending == Ending.Fall)
                continue;
            _uncharged++;
            if (block.Ending == Ending.Branch)
                EmitWayOut(block, cycle.After(block));
        }
        if (!cycle.SetsFlagsFirst)
            SettleFlags(cycle.Head);
        LoadLocal(rounds);
        LoadConstant(1);
        _il.Emit(OpCodes.Sub);
        StoreLocal(rounds);
        LoadLocal(rounds);
        _il.Emit(OpCodes.Brtrue, top);
        if (cycle.SetsFlagsFirst)
            SettleFlags(cycle.Head);
        _plain = null;
        LoadInt(1);
        StoreLocal(_forms[cycle].Wait);
        _il.Emit(OpCodes.Br, _forms[cycle].Back);
    }

    private void EmitWayOut(Block block, Block inside)
    {
        var condition = Lowering.Condition(Current.ConditionCode);
        PrepareCondition(condition);
        var leave = _il.DefineLabel();
        var taken = block.Taken == inside;
        AddEdge(leave, block, !taken);
        BranchIf(taken ? condition ^ 1 : condition, leave);
    }
}
