using Lkm.Kernel.Boot;
using Lkm.Kernel.Symbols;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <summary>The members of task_struct that the core reads and writes, at this kernel's offsets.</summary>
public sealed class TaskStruct
{
    private readonly GuestMemory _memory;
    private readonly ulong _state, _stack, _sp, _threadFlags, _pid, _tgid, _comm, _mm, _activeMm, _onCpu, _nvcsw, _nivcsw, _pending, _flags, _prio;

    /// <summary>Looks the members up.</summary>
    public TaskStruct(GuestMemory memory, KernelImage image)
    {
        _memory = memory;
        Bits = Scheduling.ThreadFlags.Of(image);
        Layout = image.Struct("task_struct");
        _state = Layout.Find("__state") ?? Layout["state"];
        _stack = Layout["stack"];
        _sp = Layout["thread.sp"];
        _threadFlags = Layout["thread_info.flags"];
        _pid = Layout["pid"];
        _tgid = Layout["tgid"];
        _comm = Layout["comm"];
        _mm = Layout["mm"];
        _activeMm = Layout["active_mm"];
        _onCpu = Layout["on_cpu"];
        _nvcsw = Layout["nvcsw"];
        _nivcsw = Layout["nivcsw"];
        _pending = Layout["pending.signal"];
        _flags = Layout["flags"];
        _prio = Layout["prio"];
    }

    /// <summary>The layout, for members that are rarely needed.</summary>
    public StructLayout Layout { get; }

    /// <summary>__state.</summary>
    public uint State(ulong task) => _memory.ReadUInt32(task + _state);

    /// <summary>Sets __state.</summary>
    public void SetState(ulong task, uint state) => _memory.WriteUInt32(task + _state, state);

    /// <summary>The lowest address of the task's kernel stack.</summary>
    public ulong Stack(ulong task) => _memory.ReadUInt64(task + _stack);

    /// <summary>Whether an address lies in the guard page below the task's kernel stack.</summary>
    public bool IsStackGuard(ulong task, ulong address) => Stack(task) - address - 1 < AddressSpace.PageSize;

    /// <summary>thread.sp: the stack pointer of a task that is not running.</summary>
    public ulong StackPointer(ulong task) => _memory.ReadUInt64(task + _sp);

    /// <summary>Sets thread.sp.</summary>
    public void SetStackPointer(ulong task, ulong sp) => _memory.WriteUInt64(task + _sp, sp);

    /// <summary>The bits of <see cref="ThreadFlags"/>.</summary>
    public ThreadFlags Bits { get; internal set; }

    /// <summary>thread_info.flags.</summary>
    public ulong ThreadFlags(ulong task) => _memory.ReadUInt64(task + _threadFlags);

    /// <summary>Sets thread_info.flags.</summary>
    public void SetThreadFlags(ulong task, ulong flags) => _memory.WriteUInt64(task + _threadFlags, flags);

    /// <summary>prio: below 100 real-time, then 120 and the nice value.</summary>
    public int Priority(ulong task) => _memory.ReadInt32(task + _prio);

    /// <summary>The process flags, PF_*.</summary>
    public uint Flags(ulong task) => _memory.ReadUInt32(task + _flags);

    /// <summary>Sets the process flags.</summary>
    public void SetFlags(ulong task, uint flags) => _memory.WriteUInt32(task + _flags, flags);

    /// <summary>Sets nr_cpus_allowed: on how many processors it may run.</summary>
    public void SetProcessors(ulong task, int count) => _memory.WriteInt32(task + Layout["nr_cpus_allowed"], count);

    /// <summary>The id in the initial namespace.</summary>
    public int Pid(ulong task) => _memory.ReadInt32(task + _pid);

    /// <summary>The id of the thread group in the initial namespace.</summary>
    public int Tgid(ulong task) => _memory.ReadInt32(task + _tgid);

    /// <summary>The name, at most 15 bytes.</summary>
    public string Comm(ulong task) => _memory.ReadString(task + _comm, 16);

    /// <summary>Sets the name; what does not fit is cut off.</summary>
    public void SetComm(ulong task, string name)
    {
        var comm = _memory.Span(task + _comm, 16);
        comm.Clear();
        System.Text.Encoding.UTF8.GetBytes(name.AsSpan(0, Math.Min(name.Length, 15)), comm[..15]);
    }

    /// <summary>mm: the user address space, or 0 for a kernel thread.</summary>
    public ulong Mm(ulong task) => _memory.ReadUInt64(task + _mm);

    /// <summary>Sets mm.</summary>
    public void SetMm(ulong task, ulong mm) => _memory.WriteUInt64(task + _mm, mm);

    /// <summary>active_mm: the address space whose page tables are loaded.</summary>
    public ulong ActiveMm(ulong task) => _memory.ReadUInt64(task + _activeMm);

    /// <summary>Sets active_mm.</summary>
    public void SetActiveMm(ulong task, ulong mm) => _memory.WriteUInt64(task + _activeMm, mm);

    /// <summary>Sets on_cpu.</summary>
    public void SetOnCpu(ulong task, bool on) => _memory.WriteInt32(task + _onCpu, on ? 1 : 0);

    /// <summary>Counts a switch away from the task.</summary>
    public void CountSwitch(ulong task, bool voluntary)
    {
        var counter = task + (voluntary ? _nvcsw : _nivcsw);
        _memory.WriteUInt64(counter, _memory.ReadUInt64(counter) + 1);
    }

    /// <summary>signal_pending_state(): whether a signal keeps the task from sleeping in this state (include/linux/sched/signal.h).</summary>
    public bool SignalPendingState(ulong task, uint state)
    {
        if ((state & (TaskState.Interruptible | TaskState.WakeKill)) == 0)
            return false;
        if ((ThreadFlags(task) & (Bits.SignalPending | Bits.NotifySignal)) == 0)
            return false;
        const ulong sigkill = 1 << (9 - 1);
        return (state & TaskState.Interruptible) != 0 || (_memory.ReadUInt64(task + _pending) & sigkill) != 0;
    }
}
