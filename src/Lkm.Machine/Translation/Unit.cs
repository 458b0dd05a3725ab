namespace Lkm.Machine.Translation;

/// <summary>Where the code for a guest address is, for calls and jumps from translated code. Never moves and is never freed.</summary>
internal struct Slot
{
    /// <summary>A handler: a unit's, or one that answers with the address.</summary>
    internal nint Code;

    internal ulong Address;

    /// <summary>How often there was no code.</summary>
    internal long Misses;
}

/// <summary>An indirect call's memory of where it went last.</summary>
internal unsafe struct CallSite
{
    internal ulong Address;
    internal Slot* Slot;
}

/// <summary>A way out of a unit: where the interpreter goes on, and how many instructions are not charged yet.</summary>
internal struct SideExit
{
    internal ulong Rip;
    internal long Uncharged;
}

/// <summary>A region of a guest's code that is translated, or is going to be.</summary>
internal sealed class Unit(ulong entry)
{
    internal ulong Entry { get; } = entry;

    /// <summary>What is to be compiled.</summary>
    internal Region? Region { get; set; }

    /// <summary>What the region was when it was asked for: <see cref="Region.Identity"/>.</summary>
    internal byte[] Identity { get; init; } = [];

    /// <summary>The guest's bytes that it was made of, as runs from the first to behind the last.</summary>
    internal List<(ulong Start, ulong End)> Ranges { get; init; } = [];

    /// <summary>Null while it is not compiled.</summary>
    internal UnitMethod? Method { get; set; }

    /// <summary>The method as a handler; 0 while it is not compiled.</summary>
    internal nint Code => Method?.Code ?? 0;

    /// <summary>The handler that the op at the entry had.</summary>
    internal nint Original { get; set; }

    /// <summary>Whether the method would be so large that the host's compiler does not optimise it; it is to be made of less.</summary>
    internal bool IsTooLarge { get; set; }

    /// <summary>Whether it is in force.</summary>
    internal bool IsInstalled { get; set; }

    /// <summary>Whether the guest's bytes have changed since.</summary>
    internal bool IsDead { get; set; }
}
