namespace Lkm.Machine.Translation;

/// <summary>
/// What is known where a block begins: of the registers, and which accesses were checked on every way there. Found by going through the
/// region until nothing changes, on the assumption, to begin with, that everything is known.
/// </summary>
internal sealed class AccessFacts
{
    private const int MostRounds = 20; // through the region; then nothing is known
    private const int MostOfStack = 32; // accesses of the stack that are checked together
    private const long Window = 256; // bytes, around the first of them

    private sealed class Knowledge
    {
        internal Known[]? RegistersIn, RegistersOut;
        internal List<Access>? FactsIn, FactsOut; // null: everything
    }

    private readonly Region _region;
    private readonly Liveness _liveness;
    private readonly Addresses _addresses;
    private readonly Dictionary<Block, List<Block>> _before;
    private readonly Dictionary<Block, Knowledge> _known;
    private readonly Dictionary<Place, List<Access>> _stacks = [];
    private readonly HashSet<Block> _inCycles = [];
    private readonly List<(int Instruction, int Ordinal, Access Access)> _accesses = [];
    private readonly bool _frames;

    internal AccessFacts(Region region, Liveness liveness, Addresses addresses, IEnumerable<Cycle> cycles, bool frames)
    {
        (_region, _liveness, _addresses, _frames) = (region, liveness, addresses, frames);
        _before = Loops.Predecessors(region);
        _known = region.Blocks.ToDictionary(block => block, _ => new Knowledge());
        foreach (var cycle in cycles)
            _inCycles.UnionWith(cycle.Blocks);
    }

    /// <summary>What is checked of the stack when the unit is entered; null if it is not known where the stack pointer will be.</summary>
    internal Frame? Frame { get; private set; }

    internal void Find()
    {
        var rounds = 0;
        while (FindRegisters())
        {
            if (++rounds < MostRounds)
                continue;
            Forget();
            return;
        }
        if (_frames)
            FindFrame();
        foreach (var block in _region.Blocks)
            CollectStack(block);
        for (rounds = 0; FindFacts(); rounds++)
        {
            if (rounds < MostRounds)
                continue;
            Forget();
            return;
        }
    }

    /// <summary>What is known at the start of a block; the caller may change it.</summary>
    internal (Known[] Registers, List<Access> Facts) At(Block block) =>
        ([.. _known[block].RegistersIn ?? Addresses.Unknown()], [.. _known[block].FactsIn ?? []]); // null where control cannot come

    /// <summary>
    /// The accesses that are checked together with one of the stack: all that the unit makes at known distances from it. There is nothing beside
    /// them on a stack that could be out of bounds. In a loop with a second form there is none, as that form checks only what it needs.
    /// </summary>
    internal List<Access>? StackGroup(Block block, Access access) =>
        !_inCycles.Contains(block) && _stacks.TryGetValue(access.Place, out var group) && IsCovered(access, group) ? group : null;

    /// <summary>Whether one of some accesses includes another.</summary>
    internal static bool IsCovered(Access access, List<Access> by)
    {
        foreach (var fact in by)
        {
            if (fact.Place == access.Place && (fact.Write || !access.Write) && fact.Offset <= access.Offset
                && access.Offset + access.Size <= fact.Offset + fact.Size)
                return true;
        }
        return false;
    }

    // Too long a search: every block for itself.
    private void Forget()
    {
        for (var n = 0; n < _region.Blocks.Count; n++)
        {
            var known = _known[_region.Blocks[n]];
            (known.RegistersIn, known.FactsIn) = (_addresses.UnknownAt(n), []);
        }
        _stacks.Clear();
        Frame = null;
    }

    private bool FindRegisters()
    {
        var changed = false;
        for (var n = 0; n < _region.Blocks.Count; n++)
        {
            var block = _region.Blocks[n];
            var known = _known[block];
            var registers = Meet(block, _addresses.UnknownAt(n), known.RegistersIn);
            if (registers == null || (known.RegistersIn != null && registers.AsSpan().SequenceEqual(known.RegistersIn)))
                continue;
            known.RegistersIn = registers;
            known.RegistersOut = [.. registers];
            for (var i = block.First; i < block.End; i++)
                _addresses.Follow(i, known.RegistersOut);
            changed = true;
        }
        return changed;
    }

    // A register that is not the same on all ways has a number of its own at the block, and keeps it.
    private Known[]? Meet(Block block, Known[] unknown, Known[]? until)
    {
        if (block.IsEntry || (block.FollowsCall && !_frames))
            return unknown;
        Known[]? met = null;
        foreach (var before in _before[block])
        {
            if (_known[before].RegistersOut is not { } way)
                continue;
            if (before.Ending is Ending.Call or Ending.CallIndirect)
                way = AfterCall(way, unknown);
            if (met == null)
            {
                met = [.. way];
                continue;
            }
            for (var r = 0; r < met.Length; r++)
            {
                if (met[r] != way[r])
                    met[r] = unknown[r];
            }
        }
        for (var r = 0; met != null && until != null && r < met.Length; r++)
        {
            if (until[r] == unknown[r])
                met[r] = unknown[r];
        }
        return met;
    }

    // A call that comes back leaves the stack pointer where it was, or the method is left behind it.
    private static Known[] AfterCall(Known[] way, Known[] unknown)
    {
        Known[] after = [.. unknown];
        after[CpuRecord.Rsp] = way[CpuRecord.Rsp] with { Delta = way[CpuRecord.Rsp].Delta + 8 };
        return after;
    }

    private void FindFrame()
    {
        var entry = _region.EntryBlock;
        var stack = _known[entry].RegistersIn![CpuRecord.Rsp];
        foreach (var before in _before[entry])
        {
            if (_known[before].RegistersOut is not { } way)
                continue;
            if (before.Ending is Ending.Call or Ending.CallIndirect)
                way = AfterCall(way, way);
            if (way[CpuRecord.Rsp] != stack)
                return;
        }
        var frame = new Frame(new Place(stack.Number, Addresses.None, 0));
        foreach (var block in _region.Blocks)
            ForEachAccess(block, (access, _) => frame.Add(access));
        Frame = frame.IsEmpty || (entry.LiveIn >> CpuRecord.Rsp & 1) == 0 ? null : frame;
    }

    private void CollectStack(Block block) => ForEachAccess(block, (access, registers) =>
    {
        if (access.Place != new Place(registers[CpuRecord.Rsp].Number, Addresses.None, 0) || Frame?.Covers(access) == true)
            return;
        if (!_stacks.TryGetValue(access.Place, out var group))
            _stacks.Add(access.Place, group = []);
        var all = access with { Write = true };
        if (group.Count < MostOfStack && (group.Count == 0 || Math.Abs(access.Offset - group[0].Offset) < Window) && !IsCovered(all, group))
            group.Add(all);
    });

    // The accesses of a block that control can come to, each with what is known of the registers before its instruction.
    private void ForEachAccess(Block block, Action<Access, Known[]> visit)
    {
        if (_known[block].RegistersIn == null)
            return;
        var (registers, _) = At(block);
        for (var i = block.First; i < block.End; i++)
        {
            _accesses.Clear();
            if (_liveness.Native[i])
                _addresses.Collect(i, registers, _accesses);
            foreach (var (_, _, access) in _accesses)
                visit(access, registers);
            _addresses.Follow(i, registers);
        }
    }

    private bool FindFacts()
    {
        var changed = false;
        foreach (var block in _region.Blocks)
        {
            var known = _known[block];
            var facts = known.RegistersIn == null ? null : MeetFacts(block, known.RegistersIn);
            if (facts == null || (known.FactsIn != null && facts.Count == known.FactsIn.Count && facts.TrueForAll(known.FactsIn.Contains)))
                continue;
            known.FactsIn = facts;
            known.FactsOut = Pass(block, [.. facts]);
            changed = true;
        }
        return changed;
    }

    // Facts that hold on all ways, of places that registers can still name.
    private List<Access>? MeetFacts(Block block, Known[] registers)
    {
        if (block.FollowsCall || block.IsEntry)
            return [];
        List<Access>? met = null;
        foreach (var before in _before[block])
        {
            if (_known[before].FactsOut is not { } way)
                continue;
            if (met == null)
                met = [.. way];
            else
                met.RemoveAll(fact => !IsCovered(fact, way));
        }
        met?.RemoveAll(fact => !Array.Exists(registers, known => known.Number == fact.Place.Base || known.Number == fact.Place.Index));
        return met;
    }

    private List<Access> Pass(Block block, List<Access> facts)
    {
        var (registers, _) = At(block);
        for (var i = block.First; i < block.End; i++)
        {
            if (!_liveness.Native[i])
                facts.Clear();
            _accesses.Clear();
            if (_liveness.Native[i])
                _addresses.Collect(i, registers, _accesses);
            foreach (var (_, _, access) in _accesses)
            {
                if (Frame?.Covers(access) == true || IsCovered(access, facts))
                    continue;
                if (StackGroup(block, access) is { } group)
                    facts.AddRange(group);
                else
                    facts.Add(access);
            }
            for (var r = 0; r < 16; r++) // of the round before
            {
                if ((_liveness.Defines[i] >> r & 1) != 0 && _addresses.DefinedAt(i, r) is var number)
                    facts.RemoveAll(fact => fact.Place.Base == number || fact.Place.Index == number);
            }
            _addresses.Follow(i, registers);
        }
        return facts;
    }
}
