using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Ends the running task between two of its instructions, as an oops does: it would never give the processor back. What it holds stays held:
/// locks, references, a module that is being initialised. In an interrupt there is no task to end, and the kernel panics.
/// </summary>
internal sealed class TaskTermination(UserModeKernel kernel)
{
    private const ulong InterruptFlag = 1 << 9, DirectionFlag = 1 << 10;

    private (ulong Task, int Pid) _last;

    /// <summary>Ends it; once.</summary>
    /// <param name="reason">What the log says.</param>
    public void EndCurrent(string reason)
    {
        const int emergency = 0;
        var task = kernel.Scheduler.Current;
        var identity = (task, kernel.Tasks.Pid(task));
        if (_last == identity)
            return;
        _last = identity;
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
