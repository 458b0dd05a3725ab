using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Sessions;

/// <summary>How a guest process ended.</summary>
/// <typeparam name="T">What its body gives.</typeparam>
/// <param name="Result">The body's result; default when it did not finish.</param>
/// <param name="Finished">False when the process was killed, as by an oops.</param>
/// <param name="Nanoseconds">Virtual time that it took.</param>
/// <param name="End">How its task has ended.</param>
/// <param name="GivenUp">Who of it was ended because it waited for longer than a request may take; null otherwise.</param>
public readonly record struct ProcessOutcome<T>(T? Result, bool Finished, long Nanoseconds, ChildEnd End, string? GivenUp);

/// <summary>Runs C# bodies as processes of the guest: forked by process 1, and waited for by it. Any number may run at a time.</summary>
public sealed class ProcessRunner
{
    private const ulong WaitAll = 0x40000000; // __WALL

    private readonly UserModeKernel _kernel;
    private readonly Dictionary<ulong, GuestProcess> _running = [];
    private readonly ulong _exitCode, _realParent;

    /// <summary>Makes the runner of a kernel.</summary>
    public ProcessRunner(UserModeKernel kernel)
    {
        _kernel = kernel;
        _exitCode = kernel.Tasks.Layout["exit_code"];
        _realParent = kernel.Tasks.Layout["real_parent"];
        kernel.Scheduler.Died += Reap;
    }

    /// <summary>Starts a process; it runs when the guest next does.</summary>
    /// <param name="name">Its name (comm), at most 15 bytes.</param>
    /// <param name="body">What it does; the result is its exit status, 0 to 255.</param>
    /// <param name="ended">Called when it is gone, on the thread that runs the guest.</param>
    public GuestProcess Start(string name, Func<UserProcess, GuestTask<int>> body, Action<GuestProcess> ended)
    {
        var process = new GuestProcess(name, ended);
        _kernel.Init.Post(async () =>
        {
            var started = _kernel.Clock.Nanoseconds;
            var pid = await _kernel.Threads.Start(async () =>
            {
                process.Task = _kernel.Scheduler.Current;
                process.Pid = _kernel.Tasks.Pid(process.Task);
                process.Nanoseconds = -started;
                _running[process.Task] = process;
                var self = await UserProcess.Create(_kernel);
                self.SetName(name);
                var status = await body(self);
                process.IsFinished = true;
                return status;
            });
            if (pid < 0)
                End(process); // fork() failed: no memory, or too many processes
        });
        return process;
    }

    /// <summary>Runs a process to its end, and the guest until nothing is left to do, or only what never ends. One that waits for too long is sent SIGTERM.</summary>
    /// <param name="name">Its name (comm), at most 15 bytes.</param>
    /// <param name="body">What it does.</param>
    /// <exception cref="GuestStoppedException">The guest cannot go on.</exception>
    public ProcessOutcome<T> Run<T>(string name, Func<UserProcess, GuestTask<T>> body)
    {
        T? result = default;
        var process = Start(
            name,
            async self =>
            {
                result = await body(self);
                return 0;
            },
            _ => { });
        string? givenUp = null;
        _kernel.RunUntilIdle(() => process.IsOver, isPatient: false, () => givenUp is null && (givenUp = GiveUp(process)) is not null);
        return new ProcessOutcome<T>(result, process.IsFinished, process.Nanoseconds, process.End, givenUp);
    }

    /// <summary>kill(2), by process 1, of a process and its children, as a terminal does with its foreground.</summary>
    internal void Signal(GuestProcess process, int signal)
    {
        foreach (var (_, target) in Members(process))
        {
            _kernel.Init.Post(async () =>
            {
                var pid = await _kernel.Calls.Call(_kernel.Image.Symbol("find_vpid"), (ulong)target);
                if (pid != 0)
                    await _kernel.Calls.Call(_kernel.Image.Symbol("kill_pid"), pid, (ulong)signal, 1);
            });
        }
    }

    /// <summary>Ends a process that waits, with its children.</summary>
    /// <returns>The one that the others wait for; null when there is none.</returns>
    private string? GiveUp(GuestProcess process)
    {
        const int terminate = 15;
        if (Members(process) is not [.., var (task, _)])
            return null;
        var waiting = _kernel.DescribeWaiting(task);
        Signal(process, terminate);
        return waiting;
    }

    /// <summary>A process and its children, in the order of their ids.</summary>
    private (ulong Task, int Pid)[] Members(GuestProcess process) => process.Task == 0
        ? []
        : [.. _kernel.Processes.Where(member => member.Value.IsOf(process.Task)).Select(member => (member.Key, member.Value.Pid)).OrderBy(member => member.Pid)];

    /// <summary>A task is dead: if it is one of these processes, process 1 waits for it, which ends at once.</summary>
    private void Reap(ulong task)
    {
        _kernel.Processes.Remove(task);
        if (!_running.Remove(task, out var process))
        {
            if (_kernel.Memory.ReadUInt64(task + _realParent) == _kernel.Init.Task)
                _kernel.Init.Post(ReapOrphans);
            return;
        }

        var code = _kernel.Memory.ReadInt32(task + _exitCode);
        const int signals = 0x7f;
        process.End = new ChildEnd(code >> 8 & 0xff, code & signals);
        process.Task = 0;
        process.Nanoseconds += _kernel.Clock.Nanoseconds;
        _kernel.Init.Post(async () =>
        {
            await _kernel.Calls.Call(_kernel.Image.Symbol("kernel_wait4"), (ulong)process.Pid, 0, WaitAll, 0);
            await ReapOrphans();
            End(process);
        });
    }

    /// <summary>Waits for the children of processes that are gone, as every init does.</summary>
    private async GuestTask ReapOrphans()
    {
        const ulong any = ulong.MaxValue, noHang = 1; // WNOHANG
        while ((int)await _kernel.Calls.Call(_kernel.Image.Symbol("kernel_wait4"), any, 0, WaitAll | noHang, 0) > 0)
            continue;
    }

    private static void End(GuestProcess process)
    {
        process.IsOver = true;
        process.Ended?.Invoke(process);
    }
}
