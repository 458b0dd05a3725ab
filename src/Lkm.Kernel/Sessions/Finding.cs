namespace Lkm.Kernel.Sessions;

/// <summary>A rule that a module broke.</summary>
/// <param name="Kind">A word for programs: "oops", "leak", "stopped", or KASAN's name of a memory error.</param>
/// <param name="Summary">One line for people.</param>
public sealed record Finding(string Kind, string Summary)
{
    /// <summary>The <see cref="Kind"/> of a kernel that could not go on: it needed what lkm does not support, or would never have ended.</summary>
    public const string Stopped = "stopped";
}
