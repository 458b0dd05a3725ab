using System.Collections.Concurrent;

namespace Lkm.Cli.Sweeping;

/// <summary>Runs the modules of a sweep on several processes at once.</summary>
/// <param name="newWorker">Makes a process.</param>
/// <param name="jobs">How many there are.</param>
internal sealed class SweepRunner(Func<WorkerProcess> newWorker, int jobs)
{
    /// <summary>Runs the modules, in any order.</summary>
    /// <param name="modules">Their names.</param>
    /// <param name="found">Told of each result, by one thread at a time.</param>
    public void Run(IReadOnlyList<string> modules, Action<SweepResult> found)
    {
        var waiting = new ConcurrentQueue<string>(modules);
        var gate = new Lock();
        Thread[] threads = [.. Enumerable.Range(0, Math.Min(jobs, modules.Count)).Select(_ => new Thread(Work))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();

        void Work()
        {
            using WorkerProcess worker = newWorker();
            while (waiting.TryDequeue(out string? module))
            {
                SweepResult result = worker.Run(module);
                lock (gate)
                    found(result);
            }
        }
    }
}
