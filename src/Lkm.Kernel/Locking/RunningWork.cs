using Lkm.Kernel.Boot;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Locking;

/// <summary>
/// What a worker runs, and for which queue (kernel/workqueue.c): who waits for that to end waits for all that it waits for, as if both were locks
/// (process_one_work() tells lockdep the same).
/// </summary>
internal sealed class RunningWork(GuestMemory memory, KernelImage image, TaskStruct tasks)
{
    private const uint WorkqueueWorker = 0x20; // PF_WQ_WORKER

    /// <summary>The work and its queue, and the work's function; null if a task is no worker, or runs none.</summary>
    internal (ulong Work, ulong Queue, ulong Function)? Of(ulong task)
    {
        if ((tasks.Flags(task) & WorkqueueWorker) == 0 || image.FindStruct("worker") is not { } worker)
            return null;
        var kthread = tasks.Layout.Find("worker_private") ?? tasks.Layout["set_child_tid"]; // before 5.17
        var own = memory.ReadUInt64(memory.ReadUInt64(task + kthread) + image.Struct("kthread")["data"]);
        if (own == 0 || memory.ReadUInt64(own + worker["current_work"]) is not (not 0 and var work))
            return null;
        var pool = memory.ReadUInt64(own + worker["current_pwq"]);
        return (work, memory.ReadUInt64(pool + image.Struct("pool_workqueue")["wq"]), memory.ReadUInt64(own + worker["current_func"]));
    }
}
