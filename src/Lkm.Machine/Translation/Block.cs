namespace Lkm.Machine.Translation;

/// <summary>How a block of guest code ends.</summary>
internal enum Ending
{
    /// <summary>Control runs on into the next block.</summary>
    Fall,

    /// <summary>A direct jump.</summary>
    Jump,

    /// <summary>A conditional jump.</summary>
    Branch,

    /// <summary>A direct call; control comes back to the next block.</summary>
    Call,

    /// <summary>A call through a register or memory.</summary>
    CallIndirect,

    /// <summary>A jump through a register or memory.</summary>
    JumpIndirect,

    /// <summary>A return.</summary>
    Return,

    /// <summary>A direct call of a function that the region has a copy of, which comes back to the region.</summary>
    Enter,

    /// <summary>
    /// An indirect call that went to a function that the region has a copy of, if it does so again. If not, the method is left behind the call: to
    /// come back would make everything unknown there.
    /// </summary>
    EnterIf,

    /// <summary>The return of such a copy: to the block after the call, unless somebody changed the return address.</summary>
    ComeBack,

    /// <summary>The interpreter takes over at the address after the block.</summary>
    Leave,
}

/// <summary>Guest instructions that run one after the other, entered at the first only.</summary>
internal sealed class Block(ulong address, int first)
{
    internal readonly ulong Address = address;

    /// <summary>Index of the first instruction.</summary>
    internal readonly int First = first;

    /// <summary>Index after the last instruction.</summary>
    internal int End;

    internal Ending Ending;

    /// <summary>Where a jump, branch, call or the return of a copy goes.</summary>
    internal ulong Target;

    /// <summary>The address after the block.</summary>
    internal ulong Next;

    /// <summary>The block at <see cref="Target"/> if it is in the region.</summary>
    internal Block? Taken;

    /// <summary>The block at <see cref="Next"/> if control may get there and it is in the region.</summary>
    internal Block? Following;

    /// <summary>How many blocks lead here.</summary>
    internal int Predecessors;

    /// <summary>Whether a block that is written later leads here.</summary>
    internal bool FromBehind;

    /// <summary>The instruction before which the budget is looked at; -1 if it is not in this block.</summary>
    internal int Look = -1;

    /// <summary>Whether the region is entered here.</summary>
    internal bool IsEntry;

    /// <summary>Whether this is where a call returns to.</summary>
    internal bool FollowsCall;

    /// <summary>Whether the state at the start is not simply that at the end of one block before.</summary>
    internal bool IsJoin => IsEntry || Predecessors != 1 || FromBehind || FollowsCall || LeavesCycle;

    /// <summary>Whether both forms of a loop lead here.</summary>
    internal bool LeavesCycle;

    /// <summary>Registers that are in the record only here, one bit each: see <see cref="Parking"/>.</summary>
    internal uint Parked;

    // Found by Liveness: sets of registers, one bit each.
    internal uint LiveIn, LiveOut, DirtyIn, DirtyOut;
    internal bool FlagsIn, FlagsOut;
}
