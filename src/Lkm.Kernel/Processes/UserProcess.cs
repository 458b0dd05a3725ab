using System.Text;
using Lkm.Formats;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Exceptions;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;
using Lkm.Kernel.Shell;
using Lkm.Machine;

namespace Lkm.Kernel.Processes;

/// <summary>
/// The user side of a guest process, in C#: an address space of its own and system calls through the image's own entry points. Made and
/// used on the process's own task (<see cref="HostThreads"/>); it ends with that task.
/// </summary>
public sealed partial class UserProcess : ISystemCalls, IForks
{
    /// <summary>Bytes of the user buffer that system calls read and write through.</summary>
    public const int BufferSize = 64 * 1024;

    private const string TaskWorks = "task_works";
    private const ulong RestartSystemCall = 219; // __NR_restart_syscall

    private readonly UserModeKernel _kernel;
    private readonly GuestMemory _memory;
    private readonly Cpu _cpu;
    private readonly GuestCalls _calls;
    private readonly KernelImage _image;
    private readonly ulong _task, _taskWorks, _copyToUser, _copyFromUser, _schedule, _takeSignals, _taskWorkRun;
    private readonly PageTables _pageTables;
    private readonly ulong _mmPgd;
    private ulong _used;

    private UserProcess(UserModeKernel kernel)
    {
        _kernel = kernel;
        _memory = kernel.Memory;
        _cpu = kernel.Cpu;
        _calls = kernel.Calls;
        _image = kernel.Image;
        _pageTables = new PageTables(_memory);
        _mmPgd = _image.Struct("mm_struct")["pgd"];
        _task = kernel.Scheduler.Current;
        _schedule = _image.Symbol("schedule");
        _takeSignals = _image.TrySymbol("arch_do_signal_or_restart", out var signals) ? signals : _image.Symbol("arch_do_signal");
        _taskWorkRun = _image.Symbol("task_work_run");
        _copyToUser = _image.Symbol("_copy_to_user");
        _copyFromUser = _image.Symbol("_copy_from_user");
        _taskWorks = _task + kernel.Tasks.Layout[TaskWorks];
    }

    /// <summary>Looks up what processes use of the layouts; to be done before a snapshot is taken, which then holds them.</summary>
    internal static void LearnLayouts(TaskStruct tasks, KernelImage image)
    {
        _ = tasks.Layout[TaskWorks];
        HostThreads.LearnLayouts(image);
    }

    /// <summary>The address of the user buffer.</summary>
    public ulong Buffer { get; private set; }

    /// <summary>Gives the running task an empty address space, as exec_mmap() does, and a buffer in it.</summary>
    public static async GuestTask<UserProcess> Create(UserModeKernel kernel)
    {
        var process = new UserProcess(kernel);
        await process.CreateAddressSpace();
        const ulong readWrite = 3, privateAnonymous = 0x22;
        var buffer = await process.SystemCall("mmap", 0, BufferSize, readWrite, privateAnonymous, ulong.MaxValue, 0);
        if (buffer < 0)
            throw new InvalidOperationException($"a process cannot have a buffer: mmap returned {buffer}");
        process.Buffer = (ulong)buffer;
        return process;
    }

    /// <summary>A system call of the running process.</summary>
    /// <param name="name">Its name as in __x64_sys_NAME.</param>
    /// <param name="a0">The first argument.</param>
    /// <param name="a1">The second argument.</param>
    /// <param name="a2">The third argument.</param>
    /// <param name="a3">The fourth argument.</param>
    /// <param name="a4">The fifth argument.</param>
    /// <param name="a5">The sixth argument.</param>
    /// <returns>Its result, or a negative errno; -ENOSYS where this kernel has no such call.</returns>
    public async GuestTask<long> SystemCall(
        string name, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0)
    {
        if (!_image.TrySymbol("__x64_sys_" + name, out var function))
            return -(long)Errno.ENOSYS;
        var regs = _kernel.Tasks.Stack(_task) + _image.ThreadSize - PtRegs.Size;
        const ulong userCodeSegment = 0x33, userDataSegment = 0x2b, interruptFlag = 1 << 9;
        _used = 0;
        for (; ; )
        {
            _memory.Clear(regs, PtRegs.Size);
            _memory.WriteUInt64(regs + PtRegs.Di, a0);
            _memory.WriteUInt64(regs + PtRegs.Si, a1);
            _memory.WriteUInt64(regs + PtRegs.Dx, a2);
            _memory.WriteUInt64(regs + PtRegs.R10, a3);
            _memory.WriteUInt64(regs + PtRegs.R8, a4);
            _memory.WriteUInt64(regs + PtRegs.R9, a5);
            _memory.WriteUInt64(regs + PtRegs.Ip, Buffer);
            _memory.WriteUInt64(regs + PtRegs.Cs, userCodeSegment);
            _memory.WriteUInt64(regs + PtRegs.Ss, userDataSegment);
            _memory.WriteUInt64(regs + PtRegs.Flags, interruptFlag);
            _memory.WriteUInt64(regs + PtRegs.Ax, await _calls.Call(function, regs));
            await DoExitWork(regs);
            var result = _memory.ReadUInt64(regs + PtRegs.Ax);
            if (_memory.ReadUInt64(regs + PtRegs.Ip) == Buffer)
                return (long)result;

            // The instruction pointer was set back onto the SYSCALL instruction: the call is to be made again, as the one that RAX tells.
            if (result == RestartSystemCall)
                function = _image.Symbol("__x64_sys_restart_syscall");
        }
    }

    /// <inheritdoc/>
    public int BufferLength => BufferSize;

    /// <inheritdoc/>
    public void SetName(string name) => _kernel.Tasks.SetComm(_task, name);

    /// <inheritdoc/>
    public async GuestTask<ulong> Put(ReadOnlyMemory<byte> bytes)
    {
        var address = Buffer + _used;
        _used = (_used + (ulong)bytes.Length + 15) & ~15UL;
        if (_used > BufferSize)
            throw new ArgumentException($"{_used} bytes do not fit the user buffer");
        return await TryWrite(address, bytes) ? address : throw new InvalidOperationException("the user buffer cannot be written");
    }

    /// <summary>Puts a NUL-terminated string into the user buffer.</summary>
    public GuestTask<ulong> Put(string text) => Put(Encoding.UTF8.GetBytes(text + "\0"));

    /// <summary>Reads user memory that is known to be there.</summary>
    public async GuestTask<byte[]> Get(ulong address, int length) =>
        await TryRead(address, length) ?? throw new InvalidOperationException($"user memory at {address:x} cannot be read");

    /// <inheritdoc/>
    public async GuestTask<bool> TryWrite(ulong address, ReadOnlyMemory<byte> bytes)
    {
        for (var done = 0; done < bytes.Length;)
        {
            var length = Math.Min(1024, bytes.Length - done);
            using var scratch = new StackScratch(_cpu, _memory);
            var chunk = scratch.Take(length);
            bytes.Span.Slice(done, length).CopyTo(_memory.Span(chunk, length));
            if (await _calls.Call(_copyToUser, address + (ulong)done, chunk, (ulong)length) != 0)
                return false;
            done += length;
        }

        return true;
    }

    /// <inheritdoc/>
    public async GuestTask<byte[]?> TryRead(ulong address, int length)
    {
        var bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            var part = Math.Min(1024, length - done);
            using var scratch = new StackScratch(_cpu, _memory);
            var chunk = scratch.Take(part);
            if (await _calls.Call(_copyFromUser, chunk, address + (ulong)done, (ulong)part) != 0)
                return null;
            _memory.Span(chunk, part).CopyTo(bytes.AsSpan(done));
            done += part;
        }

        return bytes;
    }

    private async GuestTask CreateAddressSpace()
    {
        var mm = await _calls.Call(_image.Symbol("mm_alloc"));
        if (mm == 0)
            throw new InvalidOperationException("a process cannot have an address space: out of memory");
        using (var scratch = new StackScratch(_cpu, _memory))
        {
            const ulong stackLimit = 8 << 20;
            var limit = scratch.Take(16);
            _memory.WriteUInt64(limit, stackLimit);
            _memory.WriteUInt64(limit + 8, ulong.MaxValue);
            await _calls.Call(_image.Symbol("arch_pick_mmap_layout"), mm, limit);
        }

        await _kernel.Scheduler.EnterAddressSpace(_task, mm);
    }

    /// <summary>
    /// What exit_to_user_mode_loop() does before a system call returns: file references are dropped there, and signals taken. There are
    /// no handlers in such a process; a signal stops it, ends it (then this does not return) or is ignored.
    /// </summary>
    private async GuestTask DoExitWork(ulong regs)
    {
        var bits = _kernel.Tasks.Bits;
        for (; ; )
        {
            var flags = _kernel.Tasks.ThreadFlags(_task);
            if ((flags & (bits.NeedReschedule | bits.NeedRescheduleLazy)) != 0)
                await _calls.Call(_schedule);
            else if ((flags & (bits.SignalPending | bits.NotifySignal)) != 0)
                await _calls.Call(_takeSignals, regs, flags & bits.SignalPending);
            else if ((flags & bits.PatchPending) != 0 && _image.TrySymbol("klp_update_patch_state", out var update))
                await _calls.Call(update, _task);
            else if (_memory.ReadUInt64(_taskWorks) != 0)
                await _calls.Call(_taskWorkRun);
            else
                return;
        }
    }
}
