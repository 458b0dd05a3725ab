using System.Collections.Concurrent;

namespace Lkm.Machine.Translation;

/// <summary>The thread that units are compiled on, while the guest runs. It starts with the first.</summary>
internal sealed class CompilerThread(Action<Unit> compile) : IDisposable
{
    private readonly BlockingCollection<Unit> _wanted = [];
    private readonly ConcurrentQueue<Unit> _done = [];
    private Thread? _thread;

    internal void Add(Unit unit)
    {
        _wanted.Add(unit);
        if (_thread != null)
            return;
        _thread = new Thread(Work) { IsBackground = true, Name = "lkm translator", Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    /// <summary>A unit that has been compiled since the last was taken.</summary>
    internal bool TryTake(out Unit unit) => _done.TryDequeue(out unit!);

    private void Work()
    {
        foreach (var unit in _wanted.GetConsumingEnumerable())
        {
            if (!unit.IsDead)
                compile(unit);
            _done.Enqueue(unit);
        }
    }

    public void Dispose()
    {
        while (_wanted.TryTake(out _))
        {
            // not wanted any more
        }
        _wanted.CompleteAdding();
        _thread?.Join();
        _wanted.Dispose();
    }
}
