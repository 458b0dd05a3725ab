using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// Which accesses need a check of the shadow. Within a stretch of code that calls nothing the shadow does not change, so accesses at known
/// distances from each other are checked together, at the first of them; if that fails, the interpreter does them one by one.
/// </summary>
internal sealed class AccessPlan
{
    /// <summary>Accesses that are checked together, in the order in which they happen.</summary>
    internal sealed record Group(Access Leader, List<Access> Members);

    private const int MostMembers = 24;
    private const long Reach = 1024;

    private readonly Region _region;
    private readonly Liveness _liveness;
    private readonly bool _shared;
    private readonly Addresses _addresses;
    private readonly Dictionary<Block, (Known[] Registers, List<Access> Facts)> _ends = [];
    private readonly Dictionary<(int Instruction, int Ordinal), Group?> _plan = [];

    internal AccessPlan(Region region, Liveness liveness, TranslationOptions options)
    {
        (_region, _liveness, _shared) = (region, liveness, options.SharedChecks);
        _addresses = new Addresses(region, liveness);
        if (!_shared)
            return;
        var before = new Dictionary<Block, Block>();
        foreach (var block in region.Blocks)
        {
            if (block.Taken is { IsJoin: false } taken)
                before[taken] = block;
            if (block.Following is { IsJoin: false } following)
                before[following] = block;
        }
        foreach (var block in region.Blocks)
            Plan(block, before.GetValueOrDefault(block));
    }

    /// <summary>
    /// What is to be checked at an access of an instruction: nothing (false), only itself (null), or a group.
    /// </summary>
    internal bool Needs(int instruction, int ordinal, out Group? group)
    {
        group = null;
        return !_shared || _plan.TryGetValue((instruction, ordinal), out group);
    }

    private void Plan(Block block, Block? before)
    {
        Known[] registers;
        List<Access> facts;
        if (before != null && _ends.TryGetValue(before, out var end))
        {
            registers = [.. end.Registers];
            facts = [.. end.Facts];
        }
        else
        {
            registers = _addresses.Unknown();
            facts = [];
        }
        var accesses = new List<(int Instruction, int Ordinal, Access Access)>();
        for (var i = block.First; i < block.End; i++)
        {
            if (!_liveness.Native[i])
            {
                Decide(accesses, facts);
                accesses.Clear();
                facts.Clear();
            }
            else
            {
                _addresses.Collect(i, registers, accesses);
            }
            _addresses.Follow(i, registers);
        }
        Decide(accesses, facts);
        _ends[block] = (registers, facts);
    }

    private void Decide(List<(int Instruction, int Ordinal, Access Access)> accesses, List<Access> facts)
    {
        for (var n = 0; n < accesses.Count; n++)
        {
            var (instruction, ordinal, leader) = accesses[n];
            if (IsCovered(leader, facts))
                continue;
            var members = new List<Access> { leader };
            for (var later = n + 1; later < accesses.Count && members.Count < MostMembers; later++)
            {
                var access = accesses[later].Access;
                if (access.Place == leader.Place && Math.Abs(access.Offset - leader.Offset) < Reach && !IsCovered(access, facts) && !IsCovered(access, members))
                    members.Add(access);
            }
            facts.AddRange(members);
            _plan[(instruction, ordinal)] = members.Count > 1 ? new Group(leader, members) : null;
        }
    }

    private static bool IsCovered(Access access, List<Access> by)
    {
        foreach (var fact in by)
        {
            if (fact.Place == access.Place && (fact.Write || !access.Write) && fact.Offset <= access.Offset
                && access.Offset + access.Size <= fact.Offset + fact.Size)
                return true;
        }
        return false;
    }
}
