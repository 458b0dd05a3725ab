using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Kernel code that follows a user's pointer by itself, without copy_from_user() and its kin. A processor with SMAP lets it reach no page of a user, and Linux ends the
/// task with an oops (do_user_addr_fault(), arch/x86/mm/fault.c); an older one lets it pass. Here the processor stops, the access is reported as KASAN does
/// (user-memory-access), and made.
/// </summary>
internal sealed class UserAccess(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls, PerCpuArea perCpu, TaskStruct tasks)
{
    private const ulong UserEnd = 1UL << 47; // TASK_SIZE_MAX and one page

    /// <summary>Whether the processor stopped at an access of a user's half that nobody has opened; where no page is, an older processor stops, too.</summary>
    public bool IsPrevented(CpuExit exit) =>
        exit.Vector == CpuVector.PageFault && exit.Address < UserEnd && (exit.ErrorCode & (uint)PageFaultError.Fetch) == 0 && !cpu.AlignmentCheckFlag;

    /// <summary>Reports the access to a page that is there, and makes it.</summary>
    /// <param name="exit">Where the processor stopped.</param>
    /// <param name="faults">Told of it.</param>
    /// <returns>What came of making it.</returns>
    public CpuExit Handle(CpuExit exit, MemoryFaults faults)
    {
        if ((exit.ErrorCode & (uint)PageFaultError.Present) == 0)
            return exit;
        faults.ReportUserAccess(exit);
        return cpu.StepIgnoringSmap();
    }

    /// <summary>
    /// Whether a process has an area there, whose page only has to be made: an older processor's kernel would do that, whoever asks.
    /// </summary>
    /// <param name="address">The address.</param>
    /// <param name="stack">Where the call may use the stack.</param>
    public async GuestTask<bool> HasArea(ulong address, ulong stack)
    {
        var mm = memory.ReadUInt64(perCpu.Current + tasks.Layout["mm"]);
        if (mm == 0)
            return false;
        cpu.Rsp = stack;
        var area = await calls.Call(image.Symbol("find_vma"), mm, address);
        return area != 0 && memory.ReadUInt64(area + image.Struct("vm_area_struct")["vm_start"]) <= address;
    }
}
