namespace Lkm.Machine;

/// <summary>
/// The core was to touch guest memory at an address that is not in the window. The address is the guest's: NULL, or rubbish, given to a function that
/// C# answers. On hardware the function would fault there, and so it does here: the loop that runs the processor makes a page fault of it.
/// </summary>
public sealed class GuestAddressException(ulong address, ulong size) : Exception($"{size} bytes at {address:x16} are not in the guest's memory")
{
    /// <summary>Where the access began.</summary>
    public ulong Address { get; } = address;

    /// <summary>Its bytes.</summary>
    public ulong Size { get; } = size;
}
