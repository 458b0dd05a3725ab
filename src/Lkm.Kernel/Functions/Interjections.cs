namespace Lkm.Kernel.Functions;

/// <summary>
/// What other threads of the host want done on the thread that runs the guest: between two instructions, as an interrupt is taken, whatever
/// the guest is doing. The work must not wait for the guest.
/// </summary>
internal sealed class Interjections
{
    private readonly Queue<Action> _queue = new(); // its own lock; there is hardly ever anything in it
    private volatile bool _any;

    /// <summary>Adds work; from any thread.</summary>
    public void Add(Action work)
    {
        lock (_queue)
            _queue.Enqueue(work);
        _any = true;
    }

    /// <summary>Does what there is to do; on the thread that runs the guest.</summary>
    public void Run()
    {
        if (_any)
            RunAll();
    }

    /// <summary>Each once: work that adds itself again is done at the next occasion.</summary>
    private void RunAll()
    {
        _any = false;
        int count;
        lock (_queue)
            count = _queue.Count;
        for (; count > 0 && Take() is { } work; count--)
            work();
    }

    private Action? Take()
    {
        lock (_queue)
            return _queue.TryDequeue(out var work) ? work : null;
    }
}
