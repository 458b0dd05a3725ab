namespace Lkm.RealLinux;

/// <summary>A command for the guest's shell.</summary>
/// <param name="Text">A line, or several, for busybox's ash.</param>
/// <param name="IsRequired">Whether those behind it are left out when it fails.</param>
public readonly record struct GuestCommand(string Text, bool IsRequired = false);
