using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Snapshots;

namespace Lkm.Kernel.Processes;

/// <summary>
/// Process 1. It boots the rest of the kernel (kernel_init()), then does what the host asks for, and sleeps between requests.
/// </summary>
public sealed partial class InitProcess : ISnapshotState
{
    private readonly GuestCalls _calls;
    private readonly Scheduler _scheduler;
    private readonly TaskStruct _tasks;
    private readonly Queue<Func<GuestTask>> _requests = [];
    private readonly ulong _schedule;
    private ulong _task;

    /// <summary>Creates process 1's body; the task exists once the boot has made it.</summary>
    public InitProcess(KernelImage image, GuestCalls calls, Scheduler scheduler, TaskStruct tasks)
    {
        _calls = calls;
        _scheduler = scheduler;
        _tasks = tasks;
        _schedule = image.Symbol("schedule");
    }

    /// <summary>The task_struct of process 1.</summary>
    public ulong Task => _task;

    /// <summary>Asks process 1 to do something; it is done when the kernel next runs.</summary>
    public void Post(Func<GuestTask> request)
    {
        _requests.Enqueue(request);
        if (_task != 0 && (_tasks.State(_task) & TaskState.Interruptible) != 0)
            _scheduler.Wake(_task);
    }

    /// <inheritdoc/>
    public void Save(BinaryWriter writer) => writer.Write(_task);

    /// <inheritdoc/>
    public void Restore(BinaryReader reader) => _task = reader.ReadUInt64();

    /// <summary>Serves requests for ever.</summary>
    [KernelFunction("lkm_init")]
    internal async GuestTask Serve()
    {
        _task = _scheduler.Current;
        _scheduler.FinishStart();
        for (; ; )
        {
            if (_requests.TryDequeue(out var request))
            {
                await request();
                continue;
            }

            _tasks.SetState(_task, TaskState.Interruptible);
            await _calls.Call(_schedule);
        }
    }
}
