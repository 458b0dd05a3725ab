namespace Lkm.Kernel.Modules;

/// <summary>Who wants to know where modules call certain functions of the kernel.</summary>
internal interface ICallWatch
{
    /// <summary>Whether calls of a function are wanted.</summary>
    bool Wants(ReadOnlySpan<byte> function);

    /// <summary>A relocation has made 32 bits of a module refer to such a function.</summary>
    /// <param name="target">The function.</param>
    /// <param name="place">The 32 bits; what comes before them need not be a call.</param>
    void Relocated(ulong target, ulong place);

    /// <summary>Memory of a module is going to be freed.</summary>
    void Freed(ulong address, ulong size);
}
