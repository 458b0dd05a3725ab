using System.Runtime.InteropServices;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Where a task sleeps, for people: the function of a module, if one is on its stack; otherwise the first that is not the scheduler's (__get_wchan(),
/// arch/x86/kernel/process.c).
/// </summary>
internal sealed class WaitChannel(GuestMemory memory, KernelImage image, TaskStruct tasks, StackScan scan)
{
    private readonly (ulong Start, ulong End) _scheduler = (image.SymbolOrZero("__sched_text_start"), image.SymbolOrZero("__sched_text_end"));

    /// <summary>Finds the place.</summary>
    /// <param name="task">A task that does not run.</param>
    /// <returns>A return address; 0 if there is none on its stack.</returns>
    public ulong Find(ulong task)
    {
        var channel = 0UL;
        var stack = tasks.StackPointer(task);
        var top = tasks.Stack(task) + image.ThreadSize;
        if (stack >= top || top - stack > image.ThreadSize)
            return 0;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(memory.Span(stack, (int)(top - stack))))
        {
            if (!scan.IsReturnAddress(word))
                continue;
            if (word >= AddressSpace.ModulesStart)
                return word;
            if (channel == 0 && word - _scheduler.Start >= _scheduler.End - _scheduler.Start)
                channel = word;
        }

        return channel;
    }
}
