using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Scheduling;

/// <content>The switch from one task to the next: stack, registers, FPU and address space (arch/x86/kernel/process_64.c, kernel/sched/core.c).</content>
public sealed partial class Scheduler
{
    /// <summary>Pushes struct inactive_task_frame below the return address and keeps the stack pointer (__switch_to_asm).</summary>
    private void Save(ulong task, ulong returnAddress)
    {
        _memory.WriteUInt64(returnAddress - 8, _cpu.Rbp);
        _memory.WriteUInt64(returnAddress - 16, _cpu.Rbx);
        _memory.WriteUInt64(returnAddress - 24, _cpu.R12);
        _memory.WriteUInt64(returnAddress - 32, _cpu.R13);
        _memory.WriteUInt64(returnAddress - 40, _cpu.R14);
        _memory.WriteUInt64(returnAddress - 48, _cpu.R15);
        _tasks.SetStackPointer(task, returnAddress - 48);
    }

    private void Switch(ulong previous, ulong next)
    {
        if (_tasks.State(previous) == TaskState.Dead)
            TaskEnded?.Invoke(previous);
        SwitchAddressSpace(previous, next);
        _perCpu.Current = next;
        _memory.WriteUInt64(_runQueueCurrent, next);
        _memory.WriteUInt64(_runQueueSwitches, _memory.ReadUInt64(_runQueueSwitches) + 1);
        _memory.WriteUInt64(_fairCurrent, 0); // borrowed code that changes the running task's policy has set it, to the task's own entity
        _tasks.SetOnCpu(next, true);

        var sp = _tasks.StackPointer(next);
        _cpu.R15 = _memory.ReadUInt64(sp);
        _cpu.R14 = _memory.ReadUInt64(sp + 8);
        _cpu.R13 = _memory.ReadUInt64(sp + 16);
        _cpu.R12 = _memory.ReadUInt64(sp + 24);
        _cpu.Rbx = _memory.ReadUInt64(sp + 32);
        _cpu.Rbp = _memory.ReadUInt64(sp + 40);
        _cpu.Rip = _memory.ReadUInt64(sp + 48);
        _cpu.Rsp = sp + 56;
        _cpu.Rax = previous;
        _memory.WriteUInt64(_perCpu.TopOfStack, TopOfStack(next));
        OwnFpu(next);

        if (_cpu.Rip == _retFromFork)
        {
            // A new task begins in schedule_tail(), which is borrowed: it expects what __schedule() leaves behind, the
            // run queue's lock and preemption disabled twice (FORK_PREEMPT_COUNT), and finishes the switch itself.
            _perCpu.PreemptCount = PreemptCount.NoReschedule | (2 * _preemptionDisabled);
            _cpu.Rflags &= ~InterruptFlag;
            return;
        }

        _perCpu.PreemptCount = PreemptCount.NoReschedule | _preemptionDisabled;
        _cpu.Rflags |= InterruptFlag;
        _tasks.SetOnCpu(previous, false);
        _ = FinishSwitch(previous);
    }

    /// <summary>
    /// Where struct pt_regs of a task ends. What a kernel leaves free above it (TOP_OF_KERNEL_STACK_PADDING) is a macro, of which the image's type
    /// information says nothing; so the first task that fork made tells: its stack pointer is right below its registers.
    /// </summary>
    private ulong TopOfStack(ulong task)
    {
        var end = _tasks.Stack(task) + _threadSize;
        if (_stackPadding is null && _cpu.Rip == _retFromFork)
        {
            _stackPadding = end - Exceptions.PtRegs.Size - _cpu.Rsp;
            _image.LearnEnumerator(StackPadding, (long)_stackPadding);
        }

        return end - (_stackPadding ?? 0);
    }

    /// <summary>
    /// The FPU half of __switch_to(): no user code here uses the FPU, so what a process has in memory is what it would find in the registers
    /// (fpregs_state_valid()).
    /// </summary>
    private void OwnFpu(ulong task)
    {
        if ((_tasks.Flags(task) & KernelThread) != 0)
            return;
        _memory.WriteUInt64(_fpuOwner, task + _taskFpu);
        _memory.WriteUInt32(task + _taskFpu, 0); // last_cpu, its first member
    }

    /// <summary>The address-space half of context_switch(): kernel threads borrow the one that is loaded.</summary>
    private void SwitchAddressSpace(ulong previous, ulong next)
    {
        var mm = _tasks.Mm(next);
        if (mm == 0)
        {
            var active = _tasks.ActiveMm(previous);
            _tasks.SetActiveMm(next, active);
            if (_tasks.Mm(previous) != 0)
                _memory.WriteInt32(active + _mmCount, _memory.ReadInt32(active + _mmCount) + 1);
            else
                _tasks.SetActiveMm(previous, 0);
            return;
        }

        LoadAddressSpace(mm);
        if (_tasks.Mm(previous) == 0)
        {
            _memory.WriteUInt64(_runQueuePreviousMm, _tasks.ActiveMm(previous));
            _tasks.SetActiveMm(previous, 0);
        }
    }

    private void LoadAddressSpace(ulong mm)
    {
        _cpu.Cr3 = AddressSpace.ToPhysical(_memory.ReadUInt64(mm + _mmPgd));
        _memory.WriteUInt64(_loadedMm, mm);
    }

    /// <summary>finish_task_switch(), on the stack of the task switched to: drops what the previous task no longer needs.</summary>
    private async GuestTask FinishSwitch(ulong previous)
    {
        var mm = _memory.ReadUInt64(_runQueuePreviousMm);
        if (mm != 0)
        {
            _memory.WriteUInt64(_runQueuePreviousMm, 0);
            await Drop(mm);
        }

        if (_tasks.State(previous) == TaskState.Dead)
        {
            if (_leaveScheduler != 0)
                await _calls.Call(_leaveScheduler, previous);
            if (_leaveControlGroup != 0)
                await _calls.Call(_leaveControlGroup, previous);
            await _calls.Call(_putTaskStack, previous);
            await _calls.Call(_putTaskStruct, previous);
        }
    }
}
