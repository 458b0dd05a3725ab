using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// Which accesses need a check of the shadow. Where nothing is called the shadow does not change, so what was checked on every way to a place needs
/// no check there (<see cref="AccessFacts"/>), and accesses at known distances from each other are checked together, at the first of them; if that
/// fails, the interpreter does them one by one.
/// </summary>
internal sealed class AccessPlan
{
    /// <summary>Accesses that are checked together, in the order in which they happen; perhaps of the stack, which is aligned.</summary>
    internal sealed record Group(Access Leader, List<Access> Members, bool OfStack);

    private const int MostMembers = 24;
    private const long Reach = 1024;

    private readonly Liveness _liveness;
    private readonly bool _shared;
    private readonly Addresses _addresses;
    private readonly AccessFacts _facts;
    private readonly Dictionary<(int Instruction, int Ordinal), Group?> _plan = [];
    private readonly HashSet<(int Instruction, int Ordinal)> _ofFrame = [];

    internal AccessPlan(Region region, Liveness liveness, TranslationOptions options, IEnumerable<Cycle> cycles)
    {
        (_liveness, _shared) = (liveness, options.SharedChecks);
        _addresses = new Addresses(region, liveness);
        _facts = new AccessFacts(region, liveness, _addresses, cycles, options.Frames);
        if (!_shared)
            return;
        _facts.Find();
        foreach (var block in region.Blocks)
            Plan(block);
    }

    /// <summary>
    /// What is to be checked at an access of an instruction: nothing (false), only itself (null), or a group.
    /// </summary>
    internal bool Needs(int instruction, int ordinal, out Group? group)
    {
        group = null;
        return !_shared || _plan.TryGetValue((instruction, ordinal), out group);
    }

    /// <summary>What is checked of the stack at the entry.</summary>
    internal Frame? Frame => _facts.Frame;

    /// <summary>What is known of the registers at the start of a block.</summary>
    internal Known[] KnownAt(Block block) => _facts.At(block).Registers;

    /// <summary>Follows an instruction.</summary>
    internal void Follow(int i, Known[] registers) => _addresses.Follow(i, registers);

    /// <summary>Whether an access needs no check, wherever control comes from.</summary>
    internal bool IsOfFrame((int Instruction, int Ordinal) access) => _ofFrame.Contains(access);

    private void Plan(Block block)
    {
        var (registers, facts) = _facts.At(block);
        var accesses = new List<(int Instruction, int Ordinal, Access Access)>();
        for (var i = block.First; i < block.End; i++)
        {
            if (!_liveness.Native[i])
            {
                Decide(block, accesses, facts);
                accesses.Clear();
                facts.Clear();
            }
            else
            {
                _addresses.Collect(i, registers, accesses);
            }
            _addresses.Follow(i, registers);
        }
        Decide(block, accesses, facts);
    }

    private void Decide(Block block, List<(int Instruction, int Ordinal, Access Access)> accesses, List<Access> facts)
    {
        for (var n = 0; n < accesses.Count; n++)
        {
            var (instruction, ordinal, leader) = accesses[n];
            if (Frame?.Covers(leader) == true)
            {
                _ofFrame.Add((instruction, ordinal));
                continue;
            }
            if (AccessFacts.IsCovered(leader, facts))
                continue;
            var members = new List<Access>();
            var stack = _facts.StackGroup(block, leader);
            members.AddRange(stack ?? [leader]);
            for (var later = n + 1; later < accesses.Count && members.Count < MostMembers; later++)
            {
                var access = accesses[later].Access;
                if (access.Place == leader.Place && Math.Abs(access.Offset - leader.Offset) < Reach && !AccessFacts.IsCovered(access, facts)
                    && !AccessFacts.IsCovered(access, members) && Frame?.Covers(access) != true)
                    members.Add(access);
            }
            facts.AddRange(members);
            _plan[(instruction, ordinal)] = members.Count > 1 || stack != null ? new Group(leader, members, stack != null) : null;
        }
    }
}
