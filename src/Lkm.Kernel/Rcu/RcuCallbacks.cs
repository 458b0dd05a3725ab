using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Rcu;

/// <summary>
/// Read-copy-update on one processor whose tasks are switched only where they ask for it: no reader is ever switched away, so a grace
/// period has passed whenever a task that is no reader runs. Callbacks are still deferred, as callers hold locks that the callbacks take.
/// </summary>
public sealed partial class RcuCallbacks : ISnapshotState
{
    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly GuestCalls _calls;
    private readonly Queue<Callback> _queue = [];
    private readonly ulong _kvfree, _idle;
    private readonly ulong? _readLockNesting;

    /// <summary>Creates an empty queue of callbacks.</summary>
    public RcuCallbacks(GuestMemory memory, KernelImage image, PerCpuArea perCpu, GuestCalls calls)
    {
        _memory = memory;
        _perCpu = perCpu;
        _calls = calls;
        _readLockNesting = image.Struct("task_struct").Find("rcu_read_lock_nesting");
        _kvfree = image.Symbol("kvfree");
        _idle = image.Symbol("init_task");
    }

    /// <summary>Whether callbacks wait.</summary>
    public bool Any => _queue.Count > 0;

    /// <summary>
    /// In a hard interrupt: whether the code that it came upon is no reader of any flavour. The idle task is none. Other code is none with preemption and
    /// soft interrupts enabled and no rcu_read_lock() held; a kernel without CONFIG_PREEMPT_RCU does not count its readers: they are over
    /// when their task gives up the processor, so running code may always be one.
    /// </summary>
    public bool HasInterruptedNoReader
    {
        get
        {
            var count = _perCpu.PreemptCount & ~PreemptCount.NoReschedule;
            if (_perCpu.Current == _idle)
                return (count & PreemptCount.InterruptMask) == PreemptCount.HardirqOffset;
            return count == PreemptCount.HardirqOffset && _readLockNesting is { } nesting && _memory.ReadInt32(_perCpu.Current + nesting) == 0;
        }
    }

    /// <summary>Runs the callbacks queued so far, with soft interrupts disabled.</summary>
    internal async GuestTask RunCallbacks()
    {
        _perCpu.PreemptCount += PreemptCount.SoftirqOffset;
        await InvokeCallbacks();
        _perCpu.PreemptCount -= PreemptCount.SoftirqOffset;
    }

    /// <summary>Told of each call that waits for a grace period.</summary>
    internal Action? MightSleep { get; init; }

    private async GuestTask InvokeCallbacks()
    {
        for (var n = _queue.Count; n > 0; n--)
        {
            var (head, function) = _queue.Dequeue();
            await _calls.Call(function, head);
        }
    }

    /// <summary>The RCU soft interrupt.</summary>
    [KernelFunction("rcu_core_si")]
    private async GuestTask RcuCore() => await InvokeCallbacks();

    /// <summary>Whether the tick is to go on in an idle kernel, for callbacks wait for it.</summary>
    [KernelFunction("rcu_needs_cpu")]
    private bool RcuNeedsCpu() => Any;

    /// <inheritdoc/>
    public void Save(BinaryWriter writer)
    {
        writer.Write(_queue.Count);
        foreach (var (head, function) in _queue)
        {
            writer.Write(head);
            writer.Write(function);
        }
    }

    /// <inheritdoc/>
    public void Restore(BinaryReader reader)
    {
        for (var n = reader.ReadInt32(); n > 0; n--)
            _queue.Enqueue(new Callback(reader.ReadUInt64(), reader.ReadUInt64()));
    }

    [KernelFunction("call_rcu")]
    [KernelFunction("call_rcu_hurry", Since = "6.2")]
    [KernelFunction("call_rcu_tasks")]
    [KernelFunction("call_rcu_tasks_rude")]
    [KernelFunction("call_rcu_tasks_trace")]
    private void CallRcu(ulong head, ulong function)
    {
        _memory.WriteUInt64(head, 0);
        _memory.WriteUInt64(head + 8, function);
        _queue.Enqueue(new Callback(head, function));
    }

    /// <summary>
    /// kvfree_rcu(): without a head the caller may sleep, so what it frees can go at once; with one, 6.4 and older pass the head's offset
    /// in the object for a function, newer kernels the object.
    /// </summary>
    [KernelFunction("kvfree_call_rcu")]
    private void KvfreeCallRcu(ulong head, ulong functionOrPointer)
    {
        const ulong largestOffset = 4096;
        var pointer = functionOrPointer < largestOffset ? head - functionOrPointer : functionOrPointer;
        _queue.Enqueue(new Callback(pointer, _kvfree));
    }

    [KernelFunction("synchronize_rcu")]
    [KernelFunction("synchronize_rcu_expedited")]
    [KernelFunction("synchronize_rcu_tasks")]
    [KernelFunction("synchronize_rcu_tasks_rude")]
    [KernelFunction("synchronize_rcu_tasks_trace")]
    [KernelFunction("cond_synchronize_rcu")]
    [KernelFunction("cond_synchronize_rcu_expedited")]
    private void SynchronizeRcu() =>
        MightSleep?.Invoke(); // so the caller is no reader, and no other task is inside a read-side section: the grace period is over

    [KernelFunction("rcu_barrier")]
    [KernelFunction("rcu_barrier_tasks")]
    [KernelFunction("rcu_barrier_tasks_rude")]
    [KernelFunction("rcu_barrier_tasks_trace")]
    private async GuestTask RcuBarrier()
    {
        MightSleep?.Invoke();
        while (_queue.Count > 0)
            await RunCallbacks();
    }

    [KernelFunction("get_state_synchronize_rcu")]
    [KernelFunction("start_poll_synchronize_rcu")]
    [KernelFunction("start_poll_synchronize_rcu_expedited")]
    private ulong GetStateSynchronizeRcu()
    {
        const ulong completed = 1; // RCU_GET_STATE_COMPLETED: any grace period asked for is over.
        return completed;
    }

    [KernelFunction("poll_state_synchronize_rcu")]
    private bool PollStateSynchronizeRcu(ulong cookie)
    {
        _ = cookie;
        return true;
    }

    [KernelFunction("rcu_is_watching")]
    private bool RcuIsWatching() => true;

    private sealed record Callback(ulong Head, ulong Function);
}
