using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// The guest code of one unit of translation: what can be reached from its entry by jumps that stay in the function, up to a number
/// of instructions. Blocks are in the order of their addresses.
/// </summary>
internal sealed class Region
{
    private readonly SortedDictionary<ulong, (Instruction Instruction, Ending Ending)> _found = [];
    private readonly HashSet<ulong> _leaders = [];
    private readonly Dictionary<ulong, Block> _blocks = [];

    private Region(ulong entry) => Entry = entry;

    /// <summary>The address where the region is entered.</summary>
    internal ulong Entry { get; }

    internal Instruction[] Instructions { get; private set; } = [];

    /// <summary>How control goes on after each instruction.</summary>
    internal Ending[] Endings { get; private set; } = [];

    internal List<Block> Blocks { get; } = [];

    internal Block EntryBlock => _blocks[Entry];

    /// <summary>Addresses of the bytes that the region was made of, as runs from the first to behind the last.</summary>
    internal List<(ulong Start, ulong End)> Ranges { get; } = [];

    /// <summary>Follows the code from an entry. Null if not even its first instruction can be translated.</summary>
    internal static Region? Find(ulong entry, ulong start, ulong end, int limit, GuestCodeReader reader, HookSet hooks)
    {
        var region = new Region(entry);
        region.Decode(start, end, limit, reader, hooks);
        if (!region._found.ContainsKey(entry))
            return null;
        region.Instructions = [.. region._found.Values.Select(f => f.Instruction)];
        region.Endings = [.. region._found.Values.Select(f => f.Ending)];
        region.FormBlocks();
        region.Connect();
        region.FindRanges();
        return region.EntryBlock.Ending == Ending.Leave && region.EntryBlock.First == region.EntryBlock.End ? null : region;
    }

    private void Decode(ulong start, ulong end, int limit, GuestCodeReader reader, HookSet hooks)
    {
        var decoder = Decoder.Create(64, reader);
        var work = new Stack<ulong>();
        work.Push(Entry);
        _leaders.Add(Entry);
        while (work.TryPop(out var at))
        {
            while (!_found.ContainsKey(at) && _found.Count < limit && !hooks.Contains(at))
            {
                reader.Start(at, trusted: false);
                decoder.IP = at;
                decoder.Decode(out var instruction);
                if (instruction.IsInvalid)
                    break;
                var ending = EndingOf(instruction);
                if (ending == Ending.Leave && at == Entry)
                    return;
                _found.Add(at, (instruction, ending));
                if (ending == Ending.Fall)
                {
                    at = instruction.NextIP;
                    continue;
                }
                if (ending is Ending.Jump or Ending.Branch && InBounds(instruction.NearBranchTarget))
                {
                    _leaders.Add(instruction.NearBranchTarget);
                    work.Push(instruction.NearBranchTarget);
                }
                if (ending is not (Ending.Branch or Ending.Call or Ending.CallIndirect))
                    break;
                at = instruction.NextIP;
                _leaders.Add(at);
            }
        }

        bool InBounds(ulong target) => target >= start && target < end;
    }

    private static Ending EndingOf(in Instruction instruction)
    {
        switch (instruction.FlowControl)
        {
            case FlowControl.Next:
                return NativeForms.Has(instruction) || Lowering.HasStep(instruction) ? Ending.Fall : Ending.Leave;
            case FlowControl.ConditionalBranch:
                return instruction.IsJccShortOrNear ? Ending.Branch : Ending.Leave;
            case FlowControl.UnconditionalBranch:
                return instruction.IsJmpShortOrNear ? Ending.Jump : Ending.Leave;
            case FlowControl.Call:
                return instruction.IsCallNear ? Ending.Call : Ending.Leave;
            case FlowControl.IndirectCall:
                return instruction.IsCallNearIndirect ? Ending.CallIndirect : Ending.Leave;
            case FlowControl.IndirectBranch:
                return instruction.IsJmpNearIndirect ? Ending.JumpIndirect : Ending.Leave;
            case FlowControl.Return:
                return instruction.Code is Code.Retnq or Code.Retnq_imm16 ? Ending.Return : Ending.Leave;
            default:
                return Ending.Leave;
        }
    }

    private void FormBlocks()
    {
        for (var i = 0; i < Instructions.Length - 1; i++) // instructions may overlap
        {
            if (Instructions[i].NextIP != Instructions[i + 1].IP)
                _leaders.Add(Instructions[i].NextIP);
        }
        Block? block = null;
        for (var i = 0; i < Instructions.Length; i++)
        {
            ref var instruction = ref Instructions[i];
            if (block == null || _leaders.Contains(instruction.IP))
                block = Begin(instruction.IP, i);
            var ending = Endings[i];
            block.End = ending == Ending.Leave ? i : i + 1;
            block.Ending = ending;
            block.Next = ending == Ending.Leave ? instruction.IP : instruction.NextIP;
            if (ending is Ending.Jump or Ending.Branch or Ending.Call)
                block.Target = instruction.NearBranchTarget;
            if (ending != Ending.Fall || i + 1 == Instructions.Length || Instructions[i + 1].IP != instruction.NextIP)
                block = null;
        }
    }

    private Block Begin(ulong address, int first)
    {
        var block = new Block(address, first);
        Blocks.Add(block);
        _blocks.Add(address, block);
        return block;
    }

    private void Connect()
    {
        EntryBlock.IsEntry = true;
        foreach (var block in Blocks)
        {
            if (block.Ending is Ending.Jump or Ending.Branch && _blocks.TryGetValue(block.Target, out var taken))
            {
                block.Taken = taken;
                Arrive(block, taken);
            }
            if (block.Ending is Ending.Fall or Ending.Branch or Ending.Call or Ending.CallIndirect
                && _blocks.TryGetValue(block.Next, out var following))
            {
                block.Following = following;
                following.FollowsCall |= block.Ending is Ending.Call or Ending.CallIndirect;
                Arrive(block, following);
            }
        }
    }

    private static void Arrive(Block from, Block to)
    {
        to.Predecessors++;
        to.IsLoopHead |= to.First <= from.First;
    }

    private void FindRanges()
    {
        foreach (ref var instruction in Instructions.AsSpan())
        {
            if (Ranges.Count > 0 && instruction.IP <= Ranges[^1].End)
                Ranges[^1] = (Ranges[^1].Start, Math.Max(Ranges[^1].End, instruction.NextIP));
            else
                Ranges.Add((instruction.IP, instruction.NextIP));
        }
    }
}
