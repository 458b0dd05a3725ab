using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel;

public sealed partial class UserModeKernel
{
    /// <summary>Virtual seconds that a kernel with nothing to run may wait for what it was asked to do.</summary>
    public long IdleLimitSeconds { get; set; } = 300;

    /// <summary>
    /// Virtual seconds that one request may take. A kernel always has something to do now and then, so a process that waits for what never comes
    /// would wait for ever.
    /// </summary>
    public long RequestLimitSeconds { get; set; } = 3600;

    /// <summary>
    /// Virtual nanoseconds that a kernel may take to come to rest when it has done what it was asked to do, where it is not to be waited for any
    /// longer: a thread that never sleeps goes on with the next request.
    /// </summary>
    public long RestLimit { get; set; } = 100_000_000;

    /// <summary>Instructions that one request may take before it is given up.</summary>
    public long InstructionLimit { get; set; } = 40_000_000_000;

    /// <summary>Whether somebody stands by who ends what never ends, so that no limit need stop the kernel.</summary>
    internal bool IsLeftToItsUser { get; set; }

    /// <summary>What the host wants done between two instructions of the guest.</summary>
    internal Interjections Interjections { get; } = new();

    /// <summary>Whether the guest has nothing to do, and is not running.</summary>
    internal bool IsAtRest { get; private set; } = true;

    private const ulong InterruptFlag = 1 << 9;

    private Func<bool> _goal = () => true, _giveUp = () => false;
    private (ulong Switches, long Time) _idleSince;

    /// <summary>
    /// Runs the guest until <paramref name="goal"/> is reached and nothing else can run. This is the one loop that runs the processor.
    /// </summary>
    /// <param name="goal">Whether the guest has done what was wanted.</param>
    /// <param name="isPatient">Whether to wait for as long as anybody runs; otherwise <see cref="RestLimit"/> is enough, and the goal one that stays reached.</param>
    /// <param name="giveUp">Asked when the time that the goal may take is over: ends what is waited for, or says that it cannot.</param>
    /// <exception cref="GuestStoppedException">The guest cannot go on, or will never reach the goal.</exception>
    internal void RunUntilIdle(Func<bool> goal, bool isPatient = true, Func<bool>? giveUp = null)
    {
        _goal = goal;
        _giveUp = giveUp ?? (() => false);
        _idleSince = (Scheduler.Switches, Clock.Nanoseconds);
        var limit = Cpu.Instructions + InstructionLimit;
        var deadline = Clock.Nanoseconds + (RequestLimitSeconds * 1_000_000_000);
        var reached = long.MaxValue;
        IsAtRest = false;
        while (!IsAtRest)
        {
            Interjections.Run();
            if (!isPatient && reached == long.MaxValue && goal())
                reached = Clock.Nanoseconds;
            IsAtRest = Clock.Nanoseconds - RestLimit > reached;
            if (Cpu.Instructions > limit)
                throw Stopped($"did not finish within {InstructionLimit:n0} instructions");
            if (Clock.Nanoseconds > deadline)
            {
                if (!_giveUp())
                    throw Stopped($"did not finish within {RequestLimitSeconds} virtual seconds{DescribeBlocked()}");
                deadline = Clock.Nanoseconds + (RequestLimitSeconds * 1_000_000_000);
            }

            Timer.Poll();
            SelfInterrupt.Poll();
            TakeInterrupt();
            const long whileInterruptsAreOff = 1000, atMost = 4_000_000;
            var exit = Cpu.Run(Math.Clamp(UntilEvent, whileInterruptsAreOff, atMost));
            switch (exit.Kind)
            {
                case CpuExitKind.Hook:
                    Answer(exit.Address);
                    break;
                case CpuExitKind.Budget:
                    break;
                case CpuExitKind.Exception:
                    HandleException(exit);
                    break;
                case CpuExitKind.Halt:
                    Halt();
                    break;
                case CpuExitKind.Unsupported:
                    throw Stopped($"executed an instruction that lkm's processor does not know: {Cpu.UnsupportedInstruction}");
                default:
                    throw Stopped($"left the kernel by a {exit.Kind} exit");
            }
        }
    }

    private long UntilEvent => SelfInterrupt.IsPending ? 0 : Math.Min(Clock.UntilEvent, Board.UntilEvent);

    /// <summary>Takes a device's interrupt, if one waits and the processor accepts it.</summary>
    private void TakeInterrupt()
    {
        if (Board.Poll() && (Cpu.Rflags & InterruptFlag) != 0)
            _ = Exceptions.DeliverInterrupt(Board.AcknowledgeInterrupt());
    }

    private void Answer(ulong address)
    {
        try
        {
            if (DebugRegisters.TryBreak(address, out var breakpoint))
            {
                HandleException(breakpoint);
                return;
            }

            var isProbed = Probes.Arrive(address) | _lockCalls.Arrive(address) || DebugRegisters.Has(address);
            if (Calls.TryReturn(address) || Functions.TryDispatch(address))
                return;
            if (isProbed)
                Cpu.SkipHookOnce = true;
            else
                throw Stopped($"arrived at {address:x16}, which nothing answers");
        }
        catch (GuestAddressException e) // a pointer that the guest gave leads nowhere: the function that it was given to faults
        {
            HandleException(new CpuExit(
                CpuExitKind.Exception, CpuVector.PageFault, (uint)PageFaultError.None, e.Address, (int)e.Size, Write: false, default));
        }
    }

    private void HandleException(CpuExit exit)
    {
        if (IoApicRegisters.Has(exit))
        {
            exit = IoApicRegisters.Access(exit);
            if (exit.Kind != CpuExitKind.Exception)
                return;
        }

        if (exit is { Vector: CpuVector.PageFault, Shadow: Shadow.Watched })
        {
            exit = DebugRegisters.Handle(exit);
            if (exit.Kind != CpuExitKind.Exception)
                return;
        }

        if (UserAccess.IsPrevented(exit))
        {
            exit = UserAccess.Handle(exit, Faults);
            if (exit.Kind != CpuExitKind.Exception)
                return;
        }

        var isStackGuard = exit.Vector == CpuVector.PageFault && Tasks.IsStackGuard(PerCpu.Current, exit.Address);
        if (!isStackGuard && Faults.IsPoison(exit))
        {
            exit = Faults.Handle(exit);
            if (exit.Kind != CpuExitKind.Exception)
                return;
        }

        var frame = ExceptionEntry.FrameBelow(Cpu.Rsp);
        _ = Tasks.IsStackGuard(PerCpu.Current, frame) ? Exceptions.DeliverDoubleFault(isStackGuard ? exit.Address : frame) : Exceptions.Deliver(exit);
    }

    /// <summary>Lets the processor pass an address, unless somebody else waits there.</summary>
    internal void Unhook(ulong address)
    {
        if (!Functions.Has(address) && !Calls.Has(address) && !Probes.Has(address) && !_lockCalls.Has(address) && !DebugRegisters.Has(address))
            Cpu.Unhook(address);
    }

    /// <summary>
    /// The processor has executed HLT, which the idle task does when nobody can run (do_idle()): time passes to the next interrupt, or the
    /// guest rests.
    /// </summary>
    private void Halt()
    {
        if ((Cpu.Rflags & InterruptFlag) == 0)
            throw Stopped("halted the processor with interrupts off");
        if (Scheduler.NeedsReschedule || Board.Poll())
            return;
        if (!Rcu.Any && _goal())
        {
            IsAtRest = true;
            return;
        }

        if (Scheduler.Switches != _idleSince.Switches)
            _idleSince = (Scheduler.Switches, Clock.Nanoseconds);
        if (Clock.Nanoseconds + UntilEvent - _idleSince.Time > IdleLimitSeconds * 1_000_000_000)
        {
            if (!_giveUp())
                throw Stopped($"sleeps for ever: nothing has run for {IdleLimitSeconds} virtual seconds{DescribeBlocked()}");
            _idleSince = (Scheduler.Switches, Clock.Nanoseconds);
            return;
        }

        Clock.Advance(UntilEvent);
    }

    /// <summary>Nothing but an interrupt can change anything: time passes to the next one.</summary>
    internal void PassTimeToInterrupt()
    {
        if (!Board.Poll())
            Clock.Advance(UntilEvent);
    }

    /// <summary>An interrupt sleeps on the idle task, which cannot: time passes to the next interrupt, the only thing that could wake it.</summary>
    private void PassTimeInInterrupt()
    {
        if (UntilEvent > IdleLimitSeconds * 1_000_000_000)
            throw Stopped("sleeps in an interrupt, and nothing will wake it: Linux stays here, saying \"bad: scheduling from the idle thread!\" again and again");
        Clock.Advance(UntilEvent);
    }

    internal GuestStoppedException Stopped(string reason)
    {
        var task = PerCpu.Current;
        return new GuestStoppedException(
            $"{Tasks.Comm(task)} (pid {Tasks.Pid(task)}) {reason}, at {Symbolise(Cpu.Rip)}", Cpu.Rip, BackTrace());
    }

    /// <summary>An address as %pS prints it: name+0xoffset/0xsize, with the module's name behind it.</summary>
    public string Symbolise(ulong address) => _moduleSymbols.Describe(address) ?? Tracks.RememberedName(address) ?? _moduleSymbols.DescribeGone(address) ?? Image.Symbolise(address);

    /// <summary>The lines of dump_stack().</summary>
    internal IEnumerable<string> DumpStack()
    {
        var task = PerCpu.Current;
        yield return $"CPU: 0 PID: {Tasks.Pid(task)} Comm: {Tasks.Comm(task)}";
        yield return "Call Trace:";
        yield return " <TASK>";
        foreach (var entry in BackTrace())
            yield return " ? " + entry;
        yield return " </TASK>";
    }

    /// <summary>A task that is waited for, by name, number and, if it sleeps, place and lock.</summary>
    internal string DescribeWaiting(ulong task)
    {
        var place = Tasks.State(task) == Scheduling.TaskState.Running
            ? 0
            : new Scheduling.WaitChannel(Memory, Image, Tasks, new Sanitizer.StackScan(Memory, Image, PerCpu)).Find(task);
        var wanted = _lockCalls.WaitsFor(task, place);
        return $"{Tasks.Comm(task)} (pid {Tasks.Pid(task)}{(place == 0 ? "" : $", in {Symbolise(place)}")}{(wanted is null ? "" : ", " + wanted)})";
    }

    /// <summary>The tasks that wait for an event without letting signals in; the log has their stacks (kernel/hung_task.c).</summary>
    private string DescribeBlocked()
    {
        var blocked = new List<string>();
        var tasks = Tasks.Layout["tasks"];
        var first = Image.Symbol("init_task") + tasks;
        for (var entry = Memory.ReadUInt64(first); entry != first; entry = Memory.ReadUInt64(entry))
        {
            var task = entry - tasks;
            if (Tasks.State(task) == Scheduling.TaskState.Uninterruptible)
                blocked.Add(DescribeWaiting(task));
        }
        return blocked.Count == 0 ? "" : $" (blocked: {string.Join(", ", blocked)})";
    }

    /// <summary>Text addresses on the running task's stack, newest first: what can be said without unwind tables.</summary>
    public List<string> BackTrace()
    {
        var trace = new List<string>();
        for (ulong sp = Cpu.Rsp & ~7UL, end = sp + 4096; sp < end && trace.Count < 16 && GuestMemory.Contains(sp, 8); sp += 8)
        {
            var value = Memory.ReadUInt64(sp);
            if (Image.IsText(value) || Modules.Modules.FindByAddress(value) is not null)
                trace.Add(Symbolise(value));
        }

        return trace;
    }
}

/// <summary>The guest cannot go on: it met what lkm does not support, or it will never finish.</summary>
public sealed class GuestStoppedException(string message, ulong address, IReadOnlyList<string> backTrace) : Exception(message)
{
    /// <summary>The instruction pointer.</summary>
    public ulong Address { get; } = address;

    /// <summary>Text addresses found on the stack, newest first.</summary>
    public IReadOnlyList<string> BackTrace { get; } = backTrace;
}
