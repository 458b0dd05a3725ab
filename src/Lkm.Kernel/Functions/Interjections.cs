using System.Collections.Concurrent;

namespace Lkm.Kernel.Functions;

/// <summary>
/// What other threads of the host want done on the thread that runs the guest: between two instructions, as an interrupt is taken, whatever
/// the guest is doing. The work must not wait for the guest.
/// </summary>
internal sealed class Interjections
{
    private readonly ConcurrentQueue<Action> _queue = new();
    private volatile bool _any;

    /// <summary>Adds work; from any thread.</summary>
    public void Add(Action work)
    {
        _queue.Enqueue(work);
        _any = true;
    }

    /// <summary>Does what there is to do; on the thread that runs the guest.</summary>
    public void Run()
    {
        if (_any)
            RunAll();
    }

    private void RunAll()
    {
        _any = false;
        while (_queue.TryDequeue(out var work))
            work();
    }
}
