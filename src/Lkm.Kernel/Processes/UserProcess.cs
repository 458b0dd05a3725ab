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
public sealed partial class UserProcess : ISystemCalls, IForks, IExecutes
{
    /// <summary>Bytes of the user buffer that system calls read and write through.</summary>
    public const int BufferSize = 64 * 1024;

    private const int CodeSize = 512, CodeOffset = 64, StackOffset = 448;

    private readonly UserModeKernel _kernel;
    private readonly GuestMemory _memory;
    private readonly Cpu _cpu;
    private readonly GuestCalls _calls;
    private readonly KernelImage _image;
    private readonly ulong _task, _copyToUser, _copyFromUser;
    private readonly PageTables _pageTables;
    private readonly ulong _mmPgd;
    private UserProcess? _parent;
    private ulong _used;
    private ulong _instruction = ProgramImage.Busybox.SystemCallInstruction, _stack;

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
        _copyToUser = _image.Symbol("_copy_to_user");
        _copyFromUser = _image.Symbol("_copy_from_user");
        kernel.Processes[_task] = this;
    }

    /// <summary>Whether the process is in the kernel: in a system call that has not returned.</summary>
    internal bool IsInSystemCall { get; private set; }

    /// <summary>The process's id.</summary>
    internal int Pid => _kernel.Tasks.Pid(_task);

    /// <summary>The address of the user buffer.</summary>
    public ulong Buffer { get; private set; }

    /// <summary>Makes the running task a process, with the program of a shell; where the root file system has none, with an empty address space.</summary>
    public static async GuestTask<UserProcess> Create(UserModeKernel kernel)
    {
        var process = new UserProcess(kernel);
        if (await process.BecomeShell())
            return process;
        await process.CreateAddressSpace();
        const ulong readWrite = 3, privateAnonymous = 0x22;
        var buffer = await process.SystemCall("mmap", 0, BufferSize + CodeSize, readWrite, privateAnonymous, ulong.MaxValue, 0);
        if (buffer < 0)
            throw new InvalidOperationException($"a process cannot have a buffer: mmap returned {buffer}");
        process._instruction = (ulong)buffer + CodeOffset;
        process._stack = (ulong)buffer + StackOffset;
        process.Buffer = (ulong)buffer + CodeSize;
        await process.TryWrite(process._instruction, (byte[])[0x0f, 0x05]);
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
    public GuestTask<long> SystemCall(
        string name, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0, ulong a3 = 0, ulong a4 = 0, ulong a5 = 0) =>
        SystemCall(name, new UserRegisters { Di = a0, Si = a1, Dx = a2, R10 = a3, R8 = a4, R9 = a5 });

    private async GuestTask<long> SystemCall(string name, UserRegisters registers)
    {
        if (_kernel.SystemCalls.Number(name) < 0)
            return -(long)Errno.ENOSYS;
        _used = 0;
        registers = Call(name, registers);
        for (; ; )
        {
            IsInSystemCall = true;
            var regs = await _kernel.SystemCalls.Enter(registers);
            IsInSystemCall = false;
            var result = _memory.ReadUInt64(regs + PtRegs.Ax);
            if (_memory.ReadUInt64(regs + PtRegs.Ip) == registers.Ip)
                return (long)result;

            // The instruction pointer was set back onto the SYSCALL instruction: the call is to be made again, as the one that RAX tells.
            registers = registers with { Ax = result };
        }
    }

    /// <summary>The registers behind the SYSCALL instruction.</summary>
    private UserRegisters Call(string name, UserRegisters arguments)
    {
        const ulong instructionLength = 2;
        return arguments with { Ax = (ulong)_kernel.SystemCalls.Number(name), Ip = _instruction + instructionLength, Sp = _stack };
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
}
