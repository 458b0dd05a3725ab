using System.Collections.Concurrent;
using System.Diagnostics;

namespace Lkm.RealLinux;

/// <summary>
/// Starts processes from a thread that is there as long as the program: PR_SET_PDEATHSIG (prctl(2)) signals a process when the thread that started it
/// ends, and threads of the pool, or of a test, do so while the program goes on.
/// </summary>
internal static class ProcessStarter
{
    private static readonly BlockingCollection<Task<Process>> s_starts = Begin();

    /// <summary>Starts a process.</summary>
    public static Process Start(ProcessStartInfo start)
    {
        var task = new Task<Process>(() => Process.Start(start)!);
        s_starts.Add(task);
        return task.GetAwaiter().GetResult();
    }

    private static BlockingCollection<Task<Process>> Begin()
    {
        var starts = new BlockingCollection<Task<Process>>();
        new Thread(() =>
        {
            foreach (Task<Process> start in starts.GetConsumingEnumerable())
                start.RunSynchronously();
        })
        { IsBackground = true, Name = "starts QEMU" }.Start();
        return starts;
    }
}
