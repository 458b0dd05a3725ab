using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Ends the running task between two of its instructions, as an oops does: it would never give the processor back. What it holds stays held:
/// mutexes, references, a module that is being initialised. A section that cannot be preempted is let finish, as whoever wants its spinlock next would spin for ever; so is an
/// interrupt that the task happens to be in. Where it is the interrupt that does not end, there is no task to end, and the kernel panics.
/// </summary>
internal sealed class TaskTermination(UserModeKernel kernel)
{
    private const ulong InterruptFlag = 1 << 9, DirectionFlag = 1 << 10;

    private (ulong Task, int Pid) _last;

    /// <summary>Ends it; once.</summary>
    /// <param name="reason">What the log says.</param>
    public void EndCurrent(string reason)
    {
        var task = kernel.Scheduler.Current;
        var identity = (task, kernel.Tasks.Pid(task));
        if (_last == identity)
            return;
        _last = identity;
        const long atMost = 50_000_000; // instructions
        EndWherePreemptible(identity, reason, kernel.Cpu.Instructions + atMost);
    }

    private void EndWherePreemptible((ulong Task, int Pid) identity, string reason, long deadline)
    {
        var task = kernel.Scheduler.Current;
        if ((task, kernel.Tasks.Pid(task)) != identity)
            _last = default; // it has given the processor away meanwhile
        else if (!IsPreemptible && kernel.Cpu.Instructions < deadline)
            kernel.Interjections.Add(() => EndWherePreemptible(identity, reason, deadline));
        else
            End(reason);
    }

    private bool IsPreemptible =>
        (kernel.PerCpu.PreemptCount & ~PreemptCount.NoReschedule) == 0 && (kernel.Cpu.Rflags & InterruptFlag) != 0;

    private void End(string reason)
    {
        const int emergency = 0;
        kernel.Log.Write(emergency, reason);
        kernel.Log.Write(emergency, $"RIP: 0010:{kernel.Symbolise(kernel.Cpu.Rip)}");
        foreach (var line in kernel.Faults.DumpStack())
            kernel.Log.Write(emergency, line);
        _ = Exit();
    }

    private async GuestTask Exit()
    {
        const ulong sigkill = 9;
        kernel.Cpu.Rflags = (kernel.Cpu.Rflags | InterruptFlag) & ~DirectionFlag;
        var exit = kernel.Image.TrySymbol("make_task_dead", out var function) ? function : kernel.Image.Symbol("do_exit");
        await kernel.Calls.Call(exit, sigkill);
    }
}
