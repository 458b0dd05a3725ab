namespace Lkm.Machine.Translation;

/// <summary>
/// A loop without branches inside: blocks that follow each other, every other way leading out, entered at one of them. What its rounds
/// access is at distances that grow by the same amount each round, as far as that can be told; so several rounds can be checked at once.
/// </summary>
internal sealed class Cycle
{
    /// <summary>Accesses of all rounds relative to one sum of registers, which grows by the stride with each.</summary>
    internal sealed class Stream(Place place, long stride)
    {
        internal Place Place { get; } = place;

        internal long Stride { get; } = stride;

        internal long Start { get; set; }

        internal long End { get; set; }

        internal bool Write { get; set; }

        internal long Span => End - Start;
    }

    private const int MostBlocks = 8, MostInstructions = 64, MostStreams = 4;
    private const long LargestStride = 64, LargestSpan = 128;

    private Cycle(List<Block> blocks) => Blocks = blocks;

    /// <summary>The blocks, from the one that is entered on.</summary>
    internal List<Block> Blocks { get; }

    internal Block Head => Blocks[0];

    internal Block Last => Blocks[^1];

    /// <summary>Instructions of one round.</summary>
    internal int Length { get; private set; }

    internal List<Stream> Streams { get; } = [];

    /// <summary>Accesses (instruction and ordinal) that the streams cover.</summary>
    internal HashSet<(int, int)> Covered { get; } = [];

    /// <summary>Whether nothing needs the flags from the round before when the streams are not checked.</summary>
    internal bool SetsFlagsFirst { get; private set; }

    /// <summary>Finds the loops of a region that are worth a second form.</summary>
    internal static List<Cycle> FindAll(Region region, Liveness liveness, int room)
    {
        var found = new List<Cycle>();
        var taken = new HashSet<Block>();
        foreach (var block in region.Blocks)
        {
            if (block is not { Ending: Ending.Branch or Ending.Jump, Taken: { } top } || top.First > block.First)
                continue;
            if (Path(top, block) is not { } blocks || blocks.Exists(taken.Contains) || Rotate(blocks) is not { } rotated)
                continue;
            var cycle = new Cycle(rotated);
            if (!cycle.Understand(region, liveness) || cycle.Length > room)
                continue;
            room -= cycle.Length;
            found.Add(cycle);
            taken.UnionWith(blocks);
        }
        return found;
    }

    /// <summary>The block after another one in the cycle.</summary>
    internal Block After(Block block) => Blocks[(Blocks.IndexOf(block) + 1) % Blocks.Count];

    // From the top to the bottom with one way that stays between the two.
    private static List<Block>? Path(Block top, Block bottom)
    {
        var blocks = new List<Block>();
        for (var at = top; ;)
        {
            blocks.Add(at);
            if (at.Ending is not (Ending.Fall or Ending.Jump or Ending.Branch) || blocks.Count > MostBlocks)
                return null;
            var (a, b) = (Within(at.Taken), Within(at.Following));
            if (a != null && b != null)
                return null;
            if (at == bottom)
                return a == top ? blocks : null;
            if ((a ?? b) is not { } next || next.First <= at.First)
                return null;
            at = next;
        }

        Block? Within(Block? block) => block != null && block.First >= top.First && block.First <= bottom.First ? block : null;
    }

    // To begin with the only block that is entered from elsewhere.
    private static List<Block>? Rotate(List<Block> blocks)
    {
        var entered = blocks.FindAll(b => b.IsEntry || b.FollowsCall || b.Predecessors > 1);
        if (entered.Count != 1)
            return null;
        var first = blocks.IndexOf(entered[0]);
        return [.. blocks[first..], .. blocks[..first]];
    }

    private bool Understand(Region region, Liveness liveness)
    {
        Length = Blocks.Sum(b => b.End - b.First);
        if (Length > MostInstructions)
            return false;
        var addresses = new Addresses(region, liveness);
        var registers = Addresses.Unknown();
        var accesses = new List<(int Instruction, int Ordinal, Access Access)>();
        foreach (var block in Blocks)
        {
            for (var i = block.First; i < block.End; i++)
            {
                if (!liveness.Native[i] || (liveness.Defines[i] >> CpuRecord.Rsp & 1) != 0)
                    return false;
                addresses.Collect(i, registers, accesses);
                addresses.Follow(i, registers);
            }
        }
        var mixed = new HashSet<Place>(); // the first form checks accesses of one place together: so all of them are covered, or none
        foreach (var (_, _, access) in accesses)
        {
            if (Stride(access.Place, registers) is not { } stride || !Add(access, stride))
                mixed.Add(access.Place);
        }
        Streams.RemoveAll(stream => mixed.Contains(stream.Place));
        Covered.UnionWith(accesses.Where(a => !mixed.Contains(a.Access.Place)).Select(a => (a.Instruction, a.Ordinal)));
        FindFlags(region, liveness, accesses);
        return accesses.Count == 0 || Covered.Count > 0;
    }

    private static long? Stride(Place place, Known[] end)
    {
        var stride = 0L;
        foreach (var (number, scale) in new[] { (place.Base, 1), (place.Index, place.Scale) })
        {
            if (number == Addresses.None)
                continue;
            if (number is < 0 or >= 16 || end[number].Number != number)
                return null;
            stride += end[number].Delta * scale;
        }
        return stride is >= 0 and <= LargestStride ? stride : null;
    }

    private bool Add(Access access, long stride)
    {
        var end = access.Offset + access.Size;
        foreach (var stream in Streams)
        {
            var (from, to) = (Math.Min(stream.Start, access.Offset), Math.Max(stream.End, end));
            if (stream.Place != access.Place || to - from > LargestSpan)
                continue;
            (stream.Start, stream.End) = (from, to);
            stream.Write |= access.Write;
            return true;
        }
        if (Streams.Count == MostStreams)
            return false;
        Streams.Add(new Stream(access.Place, stride) { Start = access.Offset, End = end, Write = access.Write });
        return true;
    }

    private void FindFlags(Region region, Liveness liveness, List<(int Instruction, int Ordinal, Access Access)> accesses)
    {
        foreach (var block in Blocks)
        {
            for (var i = block.First; i < block.End; i++)
            {
                var needed = accesses.Exists(a => a.Instruction == i && !Covered.Contains((i, a.Ordinal)));
                var rotates = region.Instructions[i].Mnemonic is Iced.Intel.Mnemonic.Rol or Iced.Intel.Mnemonic.Ror; // keeps some flags, which is no need of them
                if (needed || region.Endings[i] == Ending.Branch || (liveness.ReadsFlags(i) && !rotates))
                    return;
                if (!liveness.SetsFlags(i))
                    continue;
                SetsFlagsFirst = true;
                return;
            }
        }
    }
}
