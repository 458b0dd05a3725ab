namespace Lkm.Machine.Translation;

/// <summary>Blocks that control goes round in, entered at the head only.</summary>
internal sealed record Loop(Block Head, HashSet<Block> Body);

/// <summary>Finds the loops of a region.</summary>
internal static class Loops
{
    /// <summary>
    /// All loops, a larger one before those inside it. Where two ways back to one head go round very different bodies, as where a search goes on with
    /// its next round early, the smaller body is a loop of its own.
    /// </summary>
    internal static List<Loop> FindAll(Region region)
    {
        var before = Predecessors(region);
        var loops = new List<Loop>();
        foreach (var ways in WaysBack(region, null).GroupBy(way => way.To, way => way.From))
        {
            var (all, least) = (new HashSet<Block>(), (HashSet<Block>?)null);
            foreach (var from in ways)
            {
                var body = Body(ways.Key, from, before);
                if (body.Contains(region.EntryBlock) && ways.Key != region.EntryBlock)
                    continue; // entered elsewhere too: no loop of this kind
                if (least == null || Size(body) < Size(least))
                    least = body;
                all.UnionWith(body);
            }
            if (least == null)
                continue;
            loops.Add(new Loop(ways.Key, all));
            if (2 * Size(least) < Size(all))
                loops.Add(new Loop(ways.Key, least));
        }
        loops.Sort(static (a, b) => b.Body.Count - a.Body.Count);
        return loops;
    }

    /// <summary>The head of the innermost loop of the unit's own function around an address; null if there is none.</summary>
    internal static Block? HeadAround(Region region, ulong address) =>
        region.Blocks.Find(b => region.IsOwn(b) && address >= b.Address && address < b.Next) is { } at
            ? FindAll(region).FindLast(loop => loop.Body.Contains(at) && region.IsOwn(loop.Head))?.Head
            : null;

    /// <summary>Has the budget looked at in as many heads of loops as it takes for every way round to come by one.</summary>
    internal static void PlaceLooks(Region region)
    {
        var looks = WaysBack(region, null).Select(way => way.To).ToHashSet();
        foreach (var head in region.Blocks.FindAll(looks.Contains)) // the outer ones come first
        {
            looks.Remove(head);
            if (WaysBack(region, looks).Count > 0)
                looks.Add(head);
        }
        foreach (var look in looks)
            look.Look = look.First;
    }

    /// <summary>From where control comes to each block.</summary>
    internal static Dictionary<Block, List<Block>> Predecessors(Region region)
    {
        var before = region.Blocks.ToDictionary(block => block, _ => new List<Block>());
        foreach (var block in region.Blocks)
        {
            if (block.Taken != null)
                before[block.Taken].Add(block);
            if (block.Following != null)
                before[block.Following].Add(block);
        }
        return before;
    }

    private static int Size(HashSet<Block> body) => body.Sum(block => block.End - block.First);

    // The blocks on the ways from a head round to it by a way back.
    private static HashSet<Block> Body(Block head, Block from, Dictionary<Block, List<Block>> before)
    {
        var body = new HashSet<Block> { head };
        var work = new Stack<Block>([from]);
        while (work.TryPop(out var block))
        {
            if (!body.Add(block))
                continue;
            foreach (var earlier in before[block])
                work.Push(earlier);
        }
        return body;
    }

    // Ways to a block that is on the path to where they come from, in a search from the entry on. If looks are given, only those without one: after
    // a call that is no copy there is always one.
    private static List<(Block From, Block To)> WaysBack(Region region, HashSet<Block>? looks)
    {
        var found = new List<(Block From, Block To)>();
        var (seen, onPath) = (new HashSet<Block>(), new HashSet<Block>());
        var path = new Stack<(Block Block, int Next)>();
        foreach (var root in region.Blocks.Prepend(region.EntryBlock)) // where a look cut the ways, the search begins again behind it
        {
            Visit(root);
            while (path.TryPop(out var step))
            {
                var (block, next) = step;
                if (next == 2)
                {
                    onPath.Remove(block);
                    continue;
                }
                path.Push((block, next + 1));
                var to = next == 0 ? block.Taken : looks != null && block.Ending is Ending.Call or Ending.CallIndirect ? null : block.Following;
                if (to == null || looks?.Contains(to) == true)
                    continue;
                if (onPath.Contains(to))
                    found.Add((block, to));
                else
                    Visit(to);
            }
        }
        return found;

        void Visit(Block block)
        {
            if (!seen.Add(block))
                return;
            onPath.Add(block);
            path.Push((block, 0));
        }
    }
}
