using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;

namespace Lkm.Kernel.Sessions;

/// <summary>How a guest process ended.</summary>
/// <typeparam name="T">What its body gives.</typeparam>
/// <param name="Result">The body's result; default when it did not finish.</param>
/// <param name="Finished">False when the process was killed, as by an oops.</param>
/// <param name="Nanoseconds">Virtual time that it took.</param>
public readonly record struct ProcessOutcome<T>(T? Result, bool Finished, long Nanoseconds);

/// <summary>Runs C# bodies as processes of the guest: forked by process 1, waited for, and gone when this returns.</summary>
public sealed class ProcessRunner(UserModeKernel kernel)
{
    private const ulong WaitAll = 0x40000000; // __WALL

    /// <summary>Runs a process to its end, and the guest until nothing is left to do.</summary>
    /// <param name="name">Its name (comm), at most 15 bytes.</param>
    /// <param name="body">What it does.</param>
    /// <exception cref="GuestStoppedException">The guest cannot go on.</exception>
    public ProcessOutcome<T> Run<T>(string name, Func<UserProcess, GuestTask<T>> body)
    {
        T? result = default;
        var finished = false;
        var reaped = false;
        var started = kernel.Clock.Nanoseconds;
        kernel.Init.Post(async () =>
        {
            var pid = await kernel.Threads.Start(async () =>
            {
                kernel.Tasks.SetComm(kernel.Scheduler.Current, name);
                result = await body(await UserProcess.Create(kernel));
                finished = true;
                return 0;
            });
            if (pid > 0)
                await kernel.Calls.Call(kernel.Image.Symbol("kernel_wait4"), (ulong)pid, 0, WaitAll, 0);
            reaped = true;
        });
        kernel.RunUntilIdle(() => reaped);
        return new ProcessOutcome<T>(result, finished, kernel.Clock.Nanoseconds - started);
    }
}
