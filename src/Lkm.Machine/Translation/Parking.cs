using System.Numerics;

namespace Lkm.Machine.Translation;

/// <summary>
/// Registers that a loop does not touch are in the record while it runs, and take no register of the host: they are written back on the way in (in
/// a block that is put before the head for it) and loaded when they are needed again. The host's compiler, left alone, would keep them, and
/// spill others at each round.
/// </summary>
internal static class Parking
{
    private const int Room = 9; // registers that the host's compiler can keep

    internal static void Plan(Region region, Liveness liveness)
    {
        var all = Used(region.Blocks, liveness);
        if (BitOperations.PopCount(all) <= Room)
            return;
        foreach (var loop in Loops.FindAll(region))
        {
            var parked = all & ~Used(loop.Body, liveness);
            if (parked == 0)
                continue;
            var landing = region.InsertBefore(loop.Head, loop.Body);
            landing.Parked = loop.Head.Parked;
            foreach (var block in loop.Body)
                block.Parked |= parked;
        }
    }

    private static uint Used(IEnumerable<Block> blocks, Liveness liveness)
    {
        var used = 0u;
        foreach (var block in blocks)
        {
            for (var i = block.First; i < block.End; i++)
                used |= liveness.Uses[i] | liveness.Defines[i];
        }
        return used;
    }
}
