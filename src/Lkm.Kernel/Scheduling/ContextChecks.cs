using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>
/// Finds modules that call what may sleep where nothing may: with interrupts or preemption off, in an interrupt, in an RCU read-side section. Linux says so with
/// CONFIG_DEBUG_ATOMIC_SLEEP (__might_resched(), kernel/sched/core.c), which no distribution sets; without it the call does harm only on the day that it does sleep.
/// What Linux's might_sleep() leads to without that option is __cond_resched(), so that is where most calls are seen; the rest of might_sleep() is in
/// functions that C# answers, which ask here themselves.
/// </summary>
/// <remarks>A kernel without CONFIG_PREEMPT_COUNT (Debian's 5.10) does not count spinlocks: there, only interrupts and interrupts that are off are seen.</remarks>
public sealed partial class ContextChecks
{
    private const ulong InterruptFlag = 1 << 9;
    private const int ErrorLevel = 3, Depth = 48;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly PerCpuArea _perCpu;
    private readonly TaskStruct _tasks;
    private readonly KernelLog _log;
    private readonly StackScan _scan;
    private readonly ulong _idle, _oopsInProgress;
    private readonly ulong _pagefaultDisabled;
    private readonly ulong? _readLockNesting;
    private readonly HashSet<ulong> _reported = [];

    internal ContextChecks(Cpu cpu, GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks, KernelLog log)
    {
        _cpu = cpu;
        _memory = memory;
        _perCpu = perCpu;
        _tasks = tasks;
        _log = log;
        _scan = new StackScan(memory, image, perCpu);
        _idle = image.Symbol("init_task");
        _oopsInProgress = image.SymbolOrZero("oops_in_progress");
        _pagefaultDisabled = tasks.Layout["pagefault_disabled"];
        _readLockNesting = tasks.Layout.Find("rcu_read_lock_nesting");
    }

    /// <summary>Tells addresses, of modules too.</summary>
    public required Func<ulong, string> Symbolise { get; init; }

    /// <summary>Gives the lines of dump_stack().</summary>
    public required Func<IEnumerable<string>> DumpStack { get; init; }

    /// <summary>Told of each place in a module that does it, once.</summary>
    internal Action<KernelWarning>? Found { get; set; }

    /// <summary>might_alloc() (include/linux/sched/mm.h).</summary>
    internal void MightAllocate(AllocationRequest request)
    {
        if ((request.Gfp & GfpFlags.DirectReclaim) != 0 && request.Caller != 0)
            MightSleep(_cpu.Rsp, _cpu.Rip);
    }

    /// <summary>vfree(): in an interrupt it leaves the work to another.</summary>
    internal void MightFreeArea()
    {
        if ((_perCpu.PreemptCount & PreemptCount.InterruptMask) == 0)
            MightSleep(_cpu.Rsp, _cpu.Rip);
    }

    /// <summary>might_sleep(), called where a function has just been entered.</summary>
    internal void MightSleep() => MightSleep(_cpu.Rsp, _cpu.Rip);

    /// <summary>A task gives the processor away: schedule() itself has preemption off.</summary>
    /// <param name="ownCount">What it adds to preempt_count.</param>
    internal void MightSchedule(uint ownCount) => MightSleep(_cpu.Rsp, _cpu.Rip, ownCount);

    [KernelFunction("__cond_resched")]
    [KernelFunction("_cond_resched")]
    private int CondResched(CallFrame frame)
    {
        MightSleep(frame.StackPointer, frame.ReturnAddress);
        frame.Decline();
        return 0;
    }

    /// <summary>
    /// might_fault() (mm/memory.c): copy_from_user() and its kin sleep when the user's page has to be made first. Who says that it must not be is let alone
    /// (pagefault_disable()).
    /// </summary>
    /// <param name="instruction">Where the user's memory is opened.</param>
    internal void MightFault(ulong instruction)
    {
        if (!IsAtomic(expected: 0, out var context) || _memory.ReadInt32(_perCpu.Current + _pagefaultDisabled) != 0)
            return;
        Span<ulong> frames = stackalloc ulong[Depth];
        frames = frames[.._scan.Scan(_cpu.Rsp - sizeof(ulong), frames)];
        frames[0] = instruction; // below it only words that are return addresses for sure: the function may have pushed something
        var site = FirstOfModules(frames);
        if (site >= 0)
            Report(frames[Math.Max(site - 1, 0)], frames[site], context);
    }

    /// <summary>__might_resched().</summary>
    /// <param name="stack">Where the stack pointer points to the return address.</param>
    /// <param name="function">An address in the function that may sleep.</param>
    /// <param name="expected">What preempt_count may be.</param>
    private void MightSleep(ulong stack, ulong function, uint expected = 0)
    {
        if (!IsAtomic(expected, out var context))
            return;
        Span<ulong> frames = stackalloc ulong[Depth];
        frames = frames[.._scan.Scan(stack, frames)];
        if (FirstOfModules(frames) is >= 0 and var site)
            Report(function, frames[site], context);
    }

    private bool IsAtomic(uint expected, out Context context)
    {
        var task = _perCpu.Current;
        context = new Context(
            (_perCpu.PreemptCount & ~PreemptCount.NoReschedule) - expected,
            (_cpu.Rflags & InterruptFlag) == 0,
            _readLockNesting is { } nesting ? _memory.ReadInt32(task + nesting) : 0);
        return (context.Count != 0 || context.InterruptsOff || context.Readers != 0)
            && (task != _idle || (context.Count & PreemptCount.InterruptMask) != 0)
            && (_oopsInProgress == 0 || _memory.ReadInt32(_oopsInProgress) == 0);
    }

    private static int FirstOfModules(ReadOnlySpan<ulong> frames) => frames.IndexOfAnyInRange(AddressSpace.ModulesStart, AddressSpace.ModulesEnd - 1);

    private void Report(ulong function, ulong site, Context context)
    {
        if (!_reported.Add(site))
            return;
        var (count, interruptsOff, readers) = context;
        var task = _perCpu.Current;
        var (name, caller) = (Symbolise(function), Symbolise(site));
        var why = (count & PreemptCount.HardirqMask) != 0 ? "in an interrupt"
            : (count & PreemptCount.InterruptMask) != 0 ? "in a soft interrupt (a timer, a tasklet) or with them off"
            : count != 0 ? "with preemption off, as with a spinlock held"
            : interruptsOff ? "with interrupts off"
            : "in an RCU read-side section";
        var pid = _tasks.Pid(task);
        Write($"BUG: sleeping function called from invalid context at {name}");
        Write($"in_atomic(): {(count != 0 ? 1 : 0)}, irqs_disabled(): {(interruptsOff ? 1 : 0)}, non_block: 0, pid: {pid}, name: {_tasks.Comm(task)}");
        Write($"preempt_count: {count:x}, expected: 0");
        if (_readLockNesting is not null)
            Write($"RCU nest depth: {readers}, expected: 0");
        foreach (var line in DumpStack())
            Write(line);
        Found?.Invoke(new KernelWarning(name, $"{name} may sleep, and {caller} came to it {why}", pid, []));

        void Write(string line) => _log.Write(ErrorLevel, line);
    }

    /// <summary>What forbids to sleep.</summary>
    /// <param name="Count">preempt_count, as far as it is not expected.</param>
    /// <param name="InterruptsOff">Whether interrupts are off.</param>
    /// <param name="Readers">RCU read-side sections.</param>
    private readonly record struct Context(uint Count, bool InterruptsOff, int Readers);
}
