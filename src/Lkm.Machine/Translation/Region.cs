using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// The guest code of one unit of translation: what can be reached from its entry by jumps that stay in the function, up to a number
/// of instructions, and small functions that it calls, each call with a copy of its own. Blocks are in the order of their addresses, those of
/// a copy behind the call.
/// </summary>
internal sealed class Region
{
    private const int LargestCopy = 40, MostCopied = 160, Deepest = 5; // instructions; calls

    // A function, or part of it: the unit's own, or one that is called and comes back to a place in the context around it.
    private sealed class Context(ulong entry, Context? around, ulong comesBack)
    {
        internal readonly ulong Entry = entry;
        internal readonly Context? Around = around;
        internal readonly ulong ComesBack = comesBack;
        internal readonly int Depth = around == null ? 0 : around.Depth + 1;
        internal readonly SortedDictionary<ulong, (Instruction Instruction, Ending Ending)> Found = [];
        internal readonly HashSet<ulong> Leaders = [];
        internal readonly Dictionary<ulong, Context> Calls = [];
        internal readonly Dictionary<ulong, Block> Blocks = [];

        internal Block? At(ulong address) => Blocks.GetValueOrDefault(address);
    }

    private readonly Context _own;
    private readonly List<Context> _contexts = []; // of each instruction
    private readonly Decoder _decoder;
    private readonly GuestCodeReader _reader;
    private readonly HookSet _hooks;
    private int _copied;

    private Region(ulong entry, GuestCodeReader reader, HookSet hooks)
    {
        (Entry, _reader, _hooks) = (entry, reader, hooks);
        _own = new Context(entry, null, 0);
        _decoder = Decoder.Create(64, reader);
    }

    /// <summary>The bounds of the function at an address; false if it is not to be translated.</summary>
    internal delegate bool FindBounds(ulong address, out ulong start, out ulong end);

    /// <summary>The address where the region is entered.</summary>
    internal ulong Entry { get; }

    internal Instruction[] Instructions { get; private set; } = [];

    /// <summary>How control goes on after each instruction.</summary>
    internal Ending[] Endings { get; private set; } = [];

    internal List<Block> Blocks { get; } = [];

    internal Block EntryBlock { get; private set; } = null!;

    /// <summary>Whether a call of the unit's function comes back to an address.</summary>
    internal bool FollowsCall(ulong address) => _own.At(address) is { FollowsCall: true };

    /// <summary>Whether a block is of the unit's function, not of a copy.</summary>
    internal bool IsOwn(Block block) => _contexts[block.First] == _own;

    /// <summary>Addresses of the bytes that the region was made of, as runs from the first to behind the last.</summary>
    internal List<(ulong Start, ulong End)> Ranges { get; } = [];

    /// <summary>Follows the code from an entry. Null if not even its first instruction can be translated.</summary>
    internal static Region? Find(ulong entry, TranslationOptions options, GuestCodeReader reader, HookSet hooks, FindBounds bounds, Func<ulong, ulong> guess)
    {
        if (!bounds(entry, out var start, out var end))
            return null;
        var region = new Region(entry, reader, hooks);
        region.Decode(region._own, start, end, options.LargestUnit);
        if (!region._own.Found.ContainsKey(entry))
            return null;
        if (options.CopiedCalls)
            region.CopyCalls(region._own, Math.Min(MostCopied, options.LargestUnit - region._own.Found.Count), bounds, guess);
        var endings = new List<Ending>();
        var instructions = new List<Instruction>();
        region.Flatten(region._own, instructions, endings);
        (region.Instructions, region.Endings) = ([.. instructions], [.. endings]);
        region.FormBlocks();
        region.Connect();
        region.FindRanges();
        return region.EntryBlock.Ending == Ending.Leave && region.EntryBlock.First == region.EntryBlock.End ? null : region;
    }

    /// <summary>
    /// All that decides what the compiler makes of the region, before it begins: the blocks, how control goes from one to another, and the bytes. Regions of the same
    /// entry are the same if these are equal.
    /// </summary>
    internal byte[] Identity()
    {
        var identity = new MemoryStream(32 * Blocks.Count + 8 * Instructions.Length);
        using var writer = new BinaryWriter(identity);
        foreach (var block in Blocks)
        {
            writer.Write(block.Address);
            writer.Write((ushort)block.First);
            writer.Write((ushort)block.End);
            writer.Write((byte)block.Ending);
            writer.Write(block.Target);
            writer.Write((short)(block.Taken?.First ?? -1));
            writer.Write((short)(block.Following?.First ?? -1));
        }
        foreach (var (start, end) in Ranges)
        {
            _reader.Start(start, trusted: false);
            for (var at = start; at != end; at++)
                writer.Write((byte)_reader.ReadByte());
        }
        writer.Flush();
        return identity.ToArray();
    }

    // False if there is more than the limit.
    private bool Decode(Context context, ulong start, ulong end, int limit)
    {
        var (found, leaders) = (context.Found, context.Leaders);
        var work = new Stack<ulong>();
        work.Push(context.Entry);
        leaders.Add(context.Entry);
        while (work.TryPop(out var at))
        {
            while (!found.ContainsKey(at) && !_hooks.Contains(at))
            {
                if (found.Count >= limit)
                    return false;
                _reader.Start(at, trusted: false);
                _decoder.IP = at;
                _decoder.Decode(out var instruction);
                if (instruction.IsInvalid)
                    break;
                var ending = EndingOf(instruction);
                if (ending == Ending.Leave && at == context.Entry)
                    return false;
                found.Add(at, (instruction, ending));
                if (ending == Ending.Fall)
                {
                    at = instruction.NextIP;
                    continue;
                }
                if (ending is Ending.Jump or Ending.Branch && InBounds(instruction.NearBranchTarget))
                {
                    leaders.Add(instruction.NearBranchTarget);
                    work.Push(instruction.NearBranchTarget);
                }
                if (ending is not (Ending.Branch or Ending.Call or Ending.CallIndirect))
                    break;
                at = instruction.NextIP;
                leaders.Add(at);
            }
        }
        return true;

        bool InBounds(ulong target) => target >= start && target < end;
    }

    // Gives calls of small functions copies of their own. Nearer calls come first.
    private void CopyCalls(Context context, int most, FindBounds bounds, Func<ulong, ulong> guess)
    {
        foreach (var (at, (instruction, ending)) in context.Found)
        {
            if (ending is not (Ending.Call or Ending.CallIndirect) || !context.Found.ContainsKey(instruction.NextIP))
                continue;
            var target = ending == Ending.Call ? instruction.NearBranchTarget : guess(at);
            if (target == 0 || !bounds(target, out var start, out var end))
                continue;
            var copy = new Context(target, context, instruction.NextIP);
            if (!Decode(copy, start, end, Math.Min(LargestCopy, most - _copied)) || !IsWorthIt(copy))
                continue;
            _copied += copy.Found.Count;
            context.Calls.Add(at, copy);
        }
        if (context.Depth + 1 == Deepest)
            return;
        foreach (var copy in context.Calls.Values)
            CopyCalls(copy, most, bounds, guess);
    }

    // It comes back, and does all it does here.
    private static bool IsWorthIt(Context copy)
    {
        var comesBack = false;
        foreach (var (_, ending) in copy.Found.Values)
        {
            if (ending is Ending.Leave or Ending.JumpIndirect)
                return false;
            comesBack |= ending == Ending.Return;
        }
        return comesBack;
    }

    private void Flatten(Context context, List<Instruction> instructions, List<Ending> endings)
    {
        ulong next = 0;
        foreach (var (at, (instruction, ending)) in context.Found)
        {
            if (next != 0 && next != at)
                context.Leaders.Add(next); // instructions may overlap
            next = instruction.NextIP;
            instructions.Add(instruction);
            _contexts.Add(context);
            if (context.Calls.TryGetValue(at, out var copy))
            {
                endings.Add(ending == Ending.Call ? Ending.Enter : Ending.EnterIf);
                Flatten(copy, instructions, endings);
                continue;
            }
            endings.Add(ending == Ending.Return && context.Around != null ? Ending.ComeBack : ending);
        }
    }

    private static Ending EndingOf(in Instruction instruction)
    {
        switch (instruction.FlowControl)
        {
            case FlowControl.Next:
                return NativeForms.Has(instruction) || (Lowering.HasStep(instruction) && !NativeForms.MayChangeShadow(instruction)) ? Ending.Fall : Ending.Leave;
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
        Block? block = null;
        for (var i = 0; i < Instructions.Length; i++)
        {
            ref var instruction = ref Instructions[i];
            var context = _contexts[i];
            if (block == null || context.Leaders.Contains(instruction.IP))
                block = Begin(context, instruction.IP, i);
            var ending = Endings[i];
            block.End = ending == Ending.Leave ? i : i + 1;
            block.Ending = ending;
            block.Next = ending == Ending.Leave ? instruction.IP : instruction.NextIP;
            if (ending is Ending.Jump or Ending.Branch or Ending.Call or Ending.Enter)
                block.Target = instruction.NearBranchTarget;
            if (ending == Ending.ComeBack)
                block.Target = context.ComesBack;
            if (ending == Ending.EnterIf)
                block.Target = context.Calls[instruction.IP].Entry;
            if (ending != Ending.Fall || i + 1 == Instructions.Length || _contexts[i + 1] != context || Instructions[i + 1].IP != instruction.NextIP)
                block = null;
        }
    }

    private Block Begin(Context context, ulong address, int first)
    {
        var block = new Block(address, first);
        Blocks.Add(block);
        context.Blocks.Add(address, block);
        return block;
    }

    /// <summary>Puts an empty block before the head of a loop, on the ways that do not come from within.</summary>
    internal Block InsertBefore(Block head, HashSet<Block> body)
    {
        var block = new Block(head.Address, head.First)
        {
            End = head.First,
            Ending = Ending.Fall,
            Next = head.Address,
            Following = head,
            IsEntry = head.IsEntry,
        };
        if (head.IsEntry)
            EntryBlock = block;
        head.IsEntry = head.FollowsCall = head.FromBehind = false;
        head.Predecessors = 0;
        foreach (var from in Blocks)
        {
            if (from.Taken == head)
                Arrive(from, from.Taken = body.Contains(from) ? head : block);
            if (from.Following != head)
                continue;
            from.Following = body.Contains(from) ? head : block;
            ArriveBehind(from);
        }
        Arrive(block, head);
        head.FromBehind = true;
        Blocks.Insert(Blocks.IndexOf(head), block);
        return block;
    }

    private void Connect()
    {
        EntryBlock = _own.Blocks[Entry];
        EntryBlock.IsEntry = true;
        foreach (var block in Blocks)
        {
            var context = _contexts[block.First];
            block.Taken = block.Ending switch
            {
                Ending.Jump or Ending.Branch => context.At(block.Target),
                Ending.Enter or Ending.EnterIf => context.Calls[Instructions[block.End - 1].IP].At(block.Target),
                Ending.ComeBack => context.Around!.At(block.Target),
                _ => null,
            };
            if (block.Taken != null)
                Arrive(block, block.Taken);
            if (block.Ending is Ending.Fall or Ending.Branch or Ending.Call or Ending.CallIndirect && context.At(block.Next) is { } following)
            {
                block.Following = following;
                ArriveBehind(block);
            }
        }
    }

    private static void ArriveBehind(Block from)
    {
        from.Following!.FollowsCall |= from.Ending is Ending.Call or Ending.CallIndirect;
        Arrive(from, from.Following);
    }

    private static void Arrive(Block from, Block to)
    {
        to.Predecessors++;
        to.FromBehind |= to.First <= from.First;
    }

    private void FindRanges()
    {
        foreach (var instruction in Instructions.OrderBy(i => i.IP))
        {
            if (Ranges.Count > 0 && instruction.IP <= Ranges[^1].End)
                Ranges[^1] = (Ranges[^1].Start, Math.Max(Ranges[^1].End, instruction.NextIP));
            else
                Ranges.Add((instruction.IP, instruction.NextIP));
        }
    }
}
