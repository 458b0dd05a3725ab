namespace Lkm.Kernel.Boot;

/// <summary>
/// Addresses of the core's own that guest code can call or return to. They lie on no page: the processor stops at them, and C# goes on.
/// </summary>
internal static class HookAddresses
{
    /// <summary>
    /// Where calls from the core return to: inside the first instruction of ret_from_fork (since 6.6 ret_from_fork_asm), which is never
    /// executed from there, and where the image's unwind tables say that a stack ends. So a stack with the core at its base unwinds
    /// reliably, as livepatch needs it.
    /// </summary>
    public static ulong CallReturn(KernelImage image) =>
        (image.TrySymbol("ret_from_fork_asm", out var entry) ? entry : image.Symbol("ret_from_fork")) + 1;

    /// <summary>The function of every kernel thread whose body is C#: int lkm_thread(void *id).</summary>
    public const ulong Thread = AddressSpace.Core + 0x20;

    /// <summary>Where process 1 starts, and starts again after a snapshot.</summary>
    public const ulong Init = AddressSpace.Core + 0x40;

    /// <summary>Page for printk()'s formatted text.</summary>
    public const ulong PrintkBuffers = AddressSpace.Core + 0x1000;

    /// <summary>The processor's stacks for exceptions (<see cref="Exceptions.ExceptionStacks"/>), which Linux has in its cpu_entry_area, outside the window.</summary>
    public const ulong ExceptionStacks = AddressSpace.Core + 0x10000;

    /// <summary>The last address of what is mapped of the core's own pages but the stacks.</summary>
    public const ulong End = AddressSpace.Core + 0x2000;
}
