namespace Lkm.Kernel.Sessions;

/// <summary>A rule that a module broke.</summary>
/// <param name="Kind">A word for programs: "oops", "leak", "stopped", or KASAN's name of a memory error.</param>
/// <param name="Summary">One line for people.</param>
public sealed record Finding(string Kind, string Summary);
