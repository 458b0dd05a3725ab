using Lkm.Kernel.Boot;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Tests.Memory;
using Lkm.Kernel.Time;

namespace Lkm.Kernel.Tests.Scheduling;

/// <summary>Who runs next on 6.6 and later. The orders are those that `lkm compare` finds on real 6.12 with the modules buddy, together and turns beside this.</summary>
public sealed class EarliestDeadlineQueueTests : IDisposable
{
    private const long Share = 700_000, Tick = 4_000_000;
    private const ulong A = AddressSpace.Core + 0x40000, B = A + 0x4000, C = B + 0x4000;

    private readonly BareKernel _kernel = new();
    private readonly VirtualClock _clock;
    private readonly EarliestDeadlineQueue _queue;
    private ulong _running;

    public EarliestDeadlineQueueTests()
    {
        _clock = new VirtualClock(_kernel.Cpu);
        _queue = new EarliestDeadlineQueue(new TaskStruct(_kernel.Memory, _kernel.Image), _clock, () => Share);
        foreach (var task in (ulong[])[A, B, C])
            SetPriority(task, 120);
    }

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void Who_has_had_more_than_the_average_gives_way_and_who_has_not_keeps_the_processor_for_its_share()
    {
        Start(A);
        _queue.Wake(B);
        Run(Share / 2);
        Assert.Equal(B, Offer());
        Run(Share / 4);
        Assert.Equal(B, Offer());
        Run(Share / 2);
        Assert.Equal(A, Offer());
    }

    [Fact]
    public void Of_two_woken_together_who_has_had_more_comes_second()
    {
        Start(A);
        Run(900_000);
        Sleep();
        Assert.Equal(0UL, _running);
        Start(C);
        _queue.Wake(B);
        Run(Tick);
        Assert.Equal(B, Offer());
        Sleep();
        _queue.Wake(A);
        _queue.Wake(B);
        Assert.NotEqual(C, Sleep());
    }

    /// <summary>As the tick has just given it a new share, it is due before that of the task that the same tick's timer wakes.</summary>
    [Fact]
    public void Who_is_woken_by_a_timer_waits_for_the_next_tick_and_then_has_a_lead_that_yield_does_not_use_up()
    {
        Start(A);
        for (var i = 0; i < 10; i++)
            Pass(Tick);
        _clock.Advance(5000);
        _queue.Count(A);
        _queue.Wake(B);
        Assert.False(_queue.Preempts(B, A));
        Assert.True(Pass(Tick));
        Assert.Equal(B, Offer());
        _clock.Advance(100);
        _queue.Count(B);
        _queue.Yield(B);
        Assert.Equal(B, Offer());
    }

    [Fact]
    public void Yield_by_one_without_a_lead_gives_way()
    {
        Start(A);
        _queue.Wake(B);
        _clock.Advance(100);
        _queue.Count(A);
        _queue.Yield(A);
        Assert.Equal(B, Offer());
    }

    [Fact]
    public void What_a_task_had_too_much_is_held_against_it_when_it_wakes_soon()
    {
        Start(A);
        _queue.Wake(B);
        Run(5 * Share);
        Assert.Equal(B, Sleep()); // A sleeps, a few shares ahead
        _queue.Wake(A);
        Assert.False(_queue.Preempts(A, B));
        Run(Share);
        Assert.Equal(B, Offer());
        Run(Tick);
        Assert.Equal(A, Offer());
    }

    [Fact]
    public void A_task_of_more_weight_has_more_of_the_processor()
    {
        SetPriority(B, 115);
        Start(A);
        _queue.Wake(B);
        var had = new Dictionary<ulong, int> { [A] = 0, [B] = 0 };
        for (var i = 0; i < 1000; i++)
        {
            had[_running]++;
            Run(Share);
            Offer();
        }

        Assert.InRange((double)had[B] / had[A], 2.9, 3.2); // 1.25 to the fifth
    }

    [Fact]
    public void Real_time_tasks_come_first()
    {
        SetPriority(C, 49);
        Start(A);
        _queue.Wake(B);
        _queue.Wake(C);
        Assert.True(_queue.Preempts(C, A));
        Assert.Equal(C, Offer());
        Assert.Equal(C, Offer());
        Assert.NotEqual(C, Sleep());
    }

    private void SetPriority(ulong task, int priority) => _kernel.Memory.WriteInt32(task + _kernel.Image.Struct("task_struct")["prio"], priority);

    private void Start(ulong task)
    {
        _queue.Wake(task);
        _running = _queue.Take();
        _queue.Begin();
    }

    private void Run(long nanoseconds)
    {
        _clock.Advance(nanoseconds);
        _queue.Count(_running);
    }

    private bool Pass(long nanoseconds)
    {
        _clock.Advance(nanoseconds);
        return _queue.Tick(_running);
    }

    /// <summary>schedule() of a task that goes on.</summary>
    private ulong Offer()
    {
        _queue.Requeue(_running);
        return Choose();
    }

    private ulong Sleep() => Choose();

    private ulong Choose()
    {
        _running = _queue.Take();
        _queue.Begin();
        return _running;
    }
}
