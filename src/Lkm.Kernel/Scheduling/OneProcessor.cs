using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// What is different because there is one processor: a function that is to run on one is called, and a task's processors
/// are accepted and change nothing.
/// </summary>
public sealed partial class OneProcessor(GuestCalls calls, TaskStruct tasks)
{
    [KernelFunction("stop_one_cpu")]
    private async GuestTask<int> StopOneCpu(uint cpu, ulong function, ulong data)
    {
        _ = cpu;
        return (int)await calls.Call(function, data);
    }

    [KernelFunction("set_cpus_allowed_ptr", Support = Support.Partial, Note = "the mask is not kept: every task runs on processor 0")]
    private int AcceptPlacement(ulong task)
    {
        tasks.SetProcessors(task, 1);
        return 0;
    }

    [KernelFunction("do_set_cpus_allowed", Support = Support.Partial, Note = "the mask is not kept: every task runs on processor 0")]
    private void AcceptMask(ulong task) => tasks.SetProcessors(task, 1);

    /// <summary>
    /// What takes the running task out of its class's queue and puts it back while its priority or group changes: it is in none, and 7 says so
    /// with a warning.
    /// </summary>
    [KernelFunction("put_prev_task_fair", Support = Support.Partial, Note = "the order of tasks is lkm's own")]
    [KernelFunction("set_next_task_fair", Support = Support.Partial, Note = "the order of tasks is lkm's own")]
    private void AcceptQueue()
    {
        // The fair class's queue is not used.
    }

    [KernelFunction("native_smp_send_reschedule")]
    private void SendReschedule(int cpu) => _ = cpu;
}
