using System.Numerics;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Symbols;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Bits of thread_info.flags: those of arch/x86/include/asm/thread_info.h, or those of include/asm-generic/thread_info_tif.h, which x86 took
/// over in 6.18. They are macros, of which an image's type information says nothing; so a boot looks which bit resched_curr() sets.
/// </summary>
/// <param name="SignalPending">TIF_SIGPENDING.</param>
/// <param name="NotifySignal">TIF_NOTIFY_SIGNAL.</param>
/// <param name="NeedReschedule">TIF_NEED_RESCHED.</param>
/// <param name="NeedRescheduleLazy">TIF_NEED_RESCHED_LAZY; 0 where there is none.</param>
/// <param name="PatchPending">TIF_PATCH_PENDING.</param>
public sealed record ThreadFlags(ulong SignalPending, ulong NotifySignal, ulong NeedReschedule, ulong NeedRescheduleLazy, ulong PatchPending)
{
    private const string Measured = "TIF_NEED_RESCHED";

    private static readonly ThreadFlags Own = new(1 << 2, 1 << 17, 1 << 3, 0, 1 << 13);
    private static readonly ThreadFlags Generic = new(1 << 1, 1 << 2, 1 << 4, 1 << 5, 1 << 9);

    /// <summary>The bits of a kernel that was looked at before; x86's own until then.</summary>
    internal static ThreadFlags Of(KernelImage image) =>
        image.Enumerator(Measured) is { } bit && Generic.NeedReschedule == 1UL << (int)bit ? Generic : Own;

    /// <summary>Notes what resched_curr() set, for this boot and its snapshot.</summary>
    /// <exception cref="KernelMismatchException">No known kernel sets that.</exception>
    internal static ThreadFlags Learn(KernelImage image, ulong set)
    {
        if (set != Own.NeedReschedule && set != Generic.NeedReschedule)
            throw new KernelMismatchException($"this kernel's resched_curr() sets 0x{set:x} in thread_info.flags, which is no TIF_NEED_RESCHED that lkm knows");
        image.LearnEnumerator(Measured, BitOperations.Log2(set));
        return Of(image);
    }
}
