namespace Lkm.Kernel.Sanitizer;

/// <summary>A stretch of code.</summary>
/// <param name="Start">Its first address.</param>
/// <param name="End">The address behind it.</param>
public sealed record CodeRange(ulong Start, ulong End)
{
    /// <summary>Whether an address lies in it.</summary>
    public bool Contains(ulong address) => address >= Start && address < End;
}
