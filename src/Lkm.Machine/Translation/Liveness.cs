using Iced.Intel;

namespace Lkm.Machine.Translation;

/// <summary>
/// What each instruction of a region needs and changes. A register is live if its value is read later, or if it is dirty (changed since it
/// was last in the record) where the method may be left: then it has to be written back. The flags are live as a whole.
/// </summary>
internal sealed class Liveness
{
    private readonly Region _region;
    private readonly bool _deadFlags;

    /// <summary>Registers read and written, by instruction.</summary>
    internal readonly uint[] Uses, Defines;

    /// <summary>Registers that are dirty before an instruction, and live after it.</summary>
    internal readonly uint[] DirtyBefore, LiveAfter;

    /// <summary>Whether the flags that an instruction leaves are needed.</summary>
    internal readonly bool[] FlagsAfter;

    /// <summary>Whether an instruction has code of its own, and whether the method may be left at it.</summary>
    internal readonly bool[] Native, Exits;

    private readonly bool[] _readsFlags, _setsFlags;

    internal Liveness(Region region, TranslationOptions options)
    {
        _region = region;
        _deadFlags = options.DeadFlags;
        var count = region.Instructions.Length;
        (Uses, Defines, DirtyBefore, LiveAfter) = (new uint[count], new uint[count], new uint[count], new uint[count]);
        (FlagsAfter, Native, Exits, _readsFlags, _setsFlags) = (new bool[count], new bool[count], new bool[count], new bool[count], new bool[count]);
        var information = new InstructionInfoFactory();
        for (var i = 0; i < count; i++)
            Describe(i, information, options);
        if (options.Parking)
            Parking.Plan(region, this);
        Loops.PlaceLooks(region);
        if (options.FlagsAtJoins)
            region.Blocks.ForEach(MoveLook);
        FindDirty();
        FindLive();
    }

    /// <summary>The number of the general register that holds a register, or -1.</summary>
    internal static int Number(Register register)
    {
        var full = register.GetFullRegister();
        return full is >= Register.RAX and <= Register.R15 ? full - Register.RAX : -1;
    }

    /// <summary>Whether an instruction replaces all flags.</summary>
    internal bool SetsFlags(int i) => _setsFlags[i];

    /// <summary>Whether what an instruction does, or leaves of the flags, depends on the flags before.</summary>
    internal bool ReadsFlags(int i) => _readsFlags[i];

    private void Describe(int i, InstructionInfoFactory information, TranslationOptions options)
    {
        ref var instruction = ref _region.Instructions[i];
        var ending = _region.Endings[i];
        foreach (var used in information.GetInfo(instruction, InstructionInfoOptions.NoMemoryUsage).GetUsedRegisters())
        {
            var number = Number(used.Register);
            if (number < 0)
                continue;
            var bit = 1u << number;
            if (used.Access is not OpAccess.Write)
                Uses[i] |= bit;
            if (used.Access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite)
            {
                Defines[i] |= bit;
                if (used.Access == OpAccess.CondWrite || used.Register.GetSize() < 4)
                    Uses[i] |= bit;
            }
        }
        Native[i] = ending != Ending.Fall || (options.NativeForms && NativeForms.Has(instruction));
        Exits[i] = ending is not (Ending.Fall or Ending.Jump or Ending.Branch) || !Native[i] || NativeForms.CanLeave(instruction);
        _setsFlags[i] = Native[i] && NativeForms.SetsAllFlags(instruction);
        _readsFlags[i] = !Native[i] || instruction.RflagsRead != 0 || (instruction.RflagsModified != 0 && !_setsFlags[i]
            && !NativeForms.IsShiftByRegister(instruction)); // which passes them on
    }

    // From a loop's head to behind what sets the flags there: then a look at the budget needs none from before.
    private void MoveLook(Block block)
    {
        if (block.Look < 0)
            return;
        for (var i = block.First; i + 1 < block.End && !Exits[i] && !_readsFlags[i]; i++)
        {
            if (!_setsFlags[i])
                continue;
            block.Look = i + 1;
            return;
        }
    }

    /// <summary>Whether all registers are in the record after an instruction.</summary>
    private bool Synchronises(int i) => !Native[i];

    private void FindDirty()
    {
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var block in _region.Blocks)
            {
                var dirty = block.DirtyIn;
                for (var i = block.First; i < block.End; i++)
                {
                    DirtyBefore[i] = dirty;
                    dirty = Synchronises(i) ? 0 : dirty | Defines[i];
                }
                if (block.Ending is Ending.Call or Ending.CallIndirect)
                    dirty = 0;
                block.DirtyOut = dirty;
                changed |= Dirty(block.Taken, dirty) | Dirty(block.Following, dirty);
            }
        }
    }

    private static bool Dirty(Block? block, uint dirty)
    {
        if (block == null)
            return false;
        dirty &= ~block.Parked;
        if ((block.DirtyIn | dirty) == block.DirtyIn)
            return false;
        block.DirtyIn |= dirty;
        return true;
    }

    private void FindLive()
    {
        for (var changed = true; changed;)
        {
            changed = false;
            for (var n = _region.Blocks.Count - 1; n >= 0; n--)
            {
                var block = _region.Blocks[n];
                block.LiveOut = LiveOnWay(block, block.Taken) | LiveOnWay(block, block.Following);
                block.FlagsOut = (block.Taken?.FlagsIn ?? false) | (block.Following?.FlagsIn ?? false) | LeavesBehind(block);
                var live = block.LiveOut;
                var flags = block.FlagsOut;
                if (LeavesBehind(block))
                    live |= block.DirtyOut;
                for (var i = block.End - 1; i >= block.First; i--)
                {
                    LiveAfter[i] = live;
                    FlagsAfter[i] = flags || !_deadFlags;
                    var call = i == block.End - 1 && block.Ending is Ending.Call or Ending.CallIndirect;
                    live = call ? Uses[i] : (live & ~Defines[i]) | Uses[i]; // after a call everything is loaded anew
                    if (Exits[i])
                        live |= DirtyBefore[i];
                    flags = (flags && !_setsFlags[i]) || _readsFlags[i] || Exits[i] || i == block.Look;
                    if (i == block.Look)
                        live |= DirtyBefore[i];
                }
                if (live == block.LiveIn && flags == block.FlagsIn)
                    continue;
                (block.LiveIn, block.FlagsIn) = (live, flags);
                changed = true;
            }
        }
    }

    private static uint LiveOnWay(Block from, Block? to) =>
        to == null ? 0 : (to.LiveIn & ~from.Parked) | (to.Parked & ~from.Parked & from.DirtyOut);

    // Whether a way out of the region starts at the block's end, with no instruction that could be left at.
    private static bool LeavesBehind(Block block) => block.Ending switch
    {
        Ending.Leave or Ending.ComeBack => true,
        Ending.Fall => block.Following == null,
        Ending.Jump => block.Taken == null,
        Ending.Branch => block.Taken == null || block.Following == null,
        _ => false,
    };
}
